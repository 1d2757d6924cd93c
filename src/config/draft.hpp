// The configuration while it is read: what was given so far, and where, before rules between keys are checked.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "config/config.hpp"
#include "config/values.hpp"

namespace sarai::config {

// A value that fits its key's type. Paths are still as written.
struct Value {
    std::variant<bool, std::int64_t, double, Bytes, std::chrono::milliseconds, std::string, Listen, Url,
                 std::vector<std::string>>
        is;

    template <class T>
    [[nodiscard]] const T& as() const {
        return std::get<T>(is);
    }
};

struct Place {
    int line = 0;
    int column = 0;
};

struct ModelDraft {
    std::string name;
    Place place;
    std::optional<BackendKind> backend;
    bool fallback = false;
    ModelKind kind = ModelKind::chat;
    std::optional<std::string> remote_name;
    std::vector<Endpoint> endpoints;
    std::optional<int> context_length;
    std::optional<std::string> keep_alive;
    bool continues = false;
    std::string wan = "use";
    Queue queue;
    TimeBudgets budgets;
    LocalModel local;
    std::optional<std::string> on_loss_fallback;
    std::vector<std::string> may_displace;
    int priority = 50;
    std::chrono::milliseconds ttl{};
    std::optional<Bytes> estimated_ram;
    bool pinned = false;
    bool preload = false;
    bool sharded = false;
    bool warm_takeover = false;
    bool hedge = false;
    bool prefer_http = true;
    std::map<std::string, Place, std::less<>> given;  // path below the model ("timeouts.load") → where
};

struct KeyDraft {
    ApiKey key;
    std::string variable;  // the environment variable that has the key itself
    Place place;
    std::map<std::string, Place, std::less<>> given;  // key below → where
};

struct Draft {
    Config config;
    std::filesystem::path folder;
    std::filesystem::path home;  // what "~/" stands for; empty: nothing
    std::vector<ModelDraft> models;
    std::vector<KeyDraft> keys;
    std::string plain_key;                            // SARAI_API_KEY
    std::vector<std::string> rpc_split;               // of engine, as written
    std::map<std::string, Place, std::less<>> given;  // path outside of models → where

    [[nodiscard]] Pipeline& pipeline() { return config.pipelines.back(); }
    [[nodiscard]] PipelineStep& step() { return config.pipelines.back().steps.back(); }
    [[nodiscard]] RoutingRule& rule() { return config.routing.rules.back(); }
    [[nodiscard]] ModelDraft& model() { return models.back(); }
    [[nodiscard]] KeyDraft& key() { return keys.back(); }
    [[nodiscard]] Endpoint& endpoint() { return models.back().endpoints.back(); }
    [[nodiscard]] std::filesystem::path resolve(const std::string& written) const;
    // The same for what may also be a server's address, "postgresql://…".
    [[nodiscard]] std::string resolve_store(const std::string& written) const {
        return written.contains("://") ? written : resolve(written).string();
    }
};

}  // namespace sarai::config
