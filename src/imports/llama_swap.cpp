#include "imports/llama_swap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>

#include "base/sha256.hpp"
#include "config/problem.hpp"
#include "config/values.hpp"
#include "imports/llama_swap_keys.hpp"
#include "imports/macros.hpp"
#include "imports/worker_command.hpp"

namespace sarai::imports {
namespace {

namespace fs = std::filesystem;
using config::Node;

// What llama-swap assumes.
constexpr int usual_first_port = 5800;
constexpr std::string_view usual_proxy = "http://localhost:${PORT}";
constexpr int least_context = 4096;  // down to which the engine shrinks what was not asked for

std::span<const Node> items_of(const Node* node) {
    return node == nullptr ? std::span<const Node>{} : std::span<const Node>(node->items);
}

// Macros in its comments are not expanded: those of several lines would end them.
std::string command_of(const Node& model) { return without_comments(text_at(model, "cmd")); }

class SwapReader {
public:
    SwapReader(const Node& root, const fs::path& folder, const config::Environment& environment, const Facts& facts)
        : root_(root), folder_(folder), facts_(facts), macros_(environment) {}

    Imported run() {
        lose_keys(out_.losses, root_, "", file_keys());
        take_macros(macros_, root_);
        if (const auto* keys = child(root_, "apiKeys")) take_keys(*keys);
        port_ = number(root_, "startPort", "").value_or(usual_first_port);
        load_timeout_ = number(root_, "healthCheckTimeout", "");
        usual_ttl_ = number(root_, "globalTTL", "").value_or(0);
        if (const auto* models = child(root_, "models")) take_models(*models);
        if (const auto* peers = child(root_, "peers"))
            for (std::size_t i = 0; i < peers->keys.size(); ++i) take_peer(peers->keys[i], peers->items[i]);
        if (const auto* groups = child(root_, "groups"))
            for (std::size_t i = 0; i < groups->keys.size(); ++i) take_group(groups->keys[i], groups->items[i]);
        take_preload();
        // A request always gets its model, and others make room for it.
        out_.config.memory.policy = "lru";
        return std::move(out_);
    }

private:
    void lose(std::string key, std::string_view value, std::string why, std::string instead = {}) {
        out_.losses.push_back({.key = std::move(key),
                               .value = config::printable(value),
                               .why = std::move(why),
                               .instead = std::move(instead)});
    }

    // What is there and no whole number is a loss.
    [[nodiscard]] std::optional<int> number(const Node& section, std::string_view key, const std::string& path) {
        const auto parsed = number_at(section, key);
        const auto* node = child(section, key);
        if (!parsed && node != nullptr && node->kind != Node::Kind::null)
            lose(path.empty() ? std::string(key) : fmt::format("{}.{}", path, key), describe(*node),
                 "is no whole number");
        return parsed;
    }

    static void take_macros(Macros& macros, const Node& section) {
        const auto* own = child(section, "macros");
        if (own == nullptr) return;
        for (std::size_t i = 0; i < own->keys.size() && i < own->items.size(); ++i)
            macros.set(own->keys[i], own->items[i].text);
    }

    [[nodiscard]] std::string expand(const Macros& macros, std::string_view text, const std::string& key) {
        std::vector<std::string> unknown;
        auto expanded = macros.expand(text, unknown);
        for (const auto& name : unknown)
            lose(key, fmt::format("${{{}}}", name),
                 name.starts_with("env.") ? "the variable is not set" : "no such macro is defined", "set it");
        return expanded;
    }

    // Keys are kept as hashes only.
    void take_keys(const Node& keys) {
        for (const auto& item : keys.items) {
            const auto key = fmt::format("apiKeys[{}]", &item - keys.items.data());
            const auto before = out_.losses.size();
            const auto secret = expand(macros_, item.text, key);
            if (secret.empty() || out_.losses.size() != before) continue;  // was told
            const auto hash = sha256_hex(secret);
            auto& known = out_.config.access.keys;
            if (std::ranges::contains(known, hash, &config::ApiKey::sha256)) continue;
            known.push_back({.name = fmt::format("imported-{}", known.size() + 1), .sha256 = hash});
        }
    }

    void take_models(const Node& models) {
        // Ports are given out in the order of the names, to those that use them.
        std::map<std::string, int> ports;
        std::map<std::string, const Node*> sorted;
        for (std::size_t i = 0; i < models.keys.size() && i < models.items.size(); ++i)
            sorted.emplace(models.keys[i], &models.items[i]);
        for (const auto& [id, model] : sorted) {
            auto macros = macros_of(id, *model);
            std::vector<std::string> ignored;
            const auto used = macros.expand(command_of(*model) + text_at(*model, "proxy"), ignored);
            if (used.contains("${PORT}")) ports[id] = port_++;
        }
        for (std::size_t i = 0; i < models.keys.size() && i < models.items.size(); ++i) {
            const auto& id = models.keys[i];
            auto macros = macros_of(id, models.items[i]);
            if (const auto port = ports.find(id); port != ports.end()) macros.set("PORT", std::to_string(port->second));
            take_model(id, models.items[i], macros);
        }
    }

    [[nodiscard]] Macros macros_of(const std::string& id, const Node& model) const {
        auto macros = macros_;
        take_macros(macros, model);
        macros.set("MODEL_ID", id);
        return macros;
    }

    void take_model(const std::string& id, const Node& node, const Macros& macros) {
        const auto key = fmt::format("models.{}", config::printable(id));
        const auto words = split_command(expand(macros, command_of(node), key + ".cmd"));
        if (words.empty()) return lose(key + ".cmd", "", "names no program, and the model was left out");
        if (is_llama_server(words.front()))
            take_local(id, node, key, words);
        else
            take_remote(id, node, key, words, macros);
        lose_keys(out_.losses, node, key, model_keys());
    }

    void take_local(const std::string& id, const Node& node, const std::string& key,
                    const std::vector<std::string>& words) {
        auto command = read_worker_command({words.begin() + 1, words.end()}, folder_, key + ".cmd");
        std::ranges::move(command.losses, std::back_inserter(out_.losses));
        auto& model = command.model;
        if (model.local->path.empty())
            return lose(key + ".cmd", words.front(), "names no file here, and the model was left out",
                        "name one in path, or let sarai pull it: POST /api/pull");
        if (words.front().contains('/') && programs_.insert(words.front()).second)
            lose(key + ".cmd", words.front(), "the engine that sarai plans with is one for all models",
                 "if it has to be this one: engine.server_binary");
        if (command.trained_context) take_trained_context(*model.local);
        if (load_timeout_) model.local->load_timeout = std::chrono::seconds(std::clamp(*load_timeout_, 15, 3600));
        int ttl = number(node, "ttl", key).value_or(-1);
        if (ttl < 0) ttl = usual_ttl_;
        if (const auto* timeouts = child(node, "timeouts"); timeouts != nullptr && !timeouts->items.empty())
            lose(key + ".timeouts", "", "a worker is asked through a socket of sarai's own");
        model.ttl = std::chrono::seconds(std::clamp(ttl, 0, 365 * 24 * 3600));
        ids_[id] = add_model(out_, std::move(model), id, key);
    }

    // The engine takes what the model was trained with, and less where that does not fit.
    void take_trained_context(config::LocalModel& local) {
        const auto said = facts_(local.path);
        const int trained = said ? said->context_length : 0;
        local.context_length = trained > 0 ? trained : least_context;
        if (trained > least_context) local.min_context_length = least_context;
    }

    void take_remote(const std::string& id, const Node& node, const std::string& key,
                     const std::vector<std::string>& words, const Macros& macros) {
        const auto written = text_at(node, "proxy");
        std::vector<std::string> ignored;  // without a port there is no address, which is told below
        const auto url =
            written.empty() ? macros.expand(usual_proxy, ignored) : expand(macros, written, key + ".proxy");
        config::Model model;
        if (!set_server(model, url, text_at(node, "useModelName"), id, ""))
            return lose(key + ".cmd", words.front(), "is not llama-server, and no address tells where it answers",
                        "give it a fixed port, and name it here with backend: openai_http");
        lose(key + ".cmd", words.front(), "is not llama-server: sarai asks it, but does not start it",
             fmt::format("start it yourself, so that it answers at {}", url));
        if (number_at(node, "ttl").value_or(0) > 0)
            lose(key + ".ttl", text_at(node, "ttl"), "sarai stops only what it started");
        take_timeouts(model, node, key);
        ids_[id] = add_model(out_, std::move(model), id, key);
    }

    static bool set_server(config::Model& model, std::string url, std::string name, const std::string& id,
                           std::string api_key) {
        while (url.ends_with('/')) url.pop_back();
        if (!url.ends_with("/v1")) url += "/v1";
        const auto parsed = config::parse_url(url);
        if (!parsed || !is_writable(id)) return false;
        model.remote = config::RemoteModel{
            .kind = config::BackendKind::openai_http, .endpoints = {}, .model = name.empty() ? id : name};
        model.remote->endpoints.push_back({.url = parsed->text,
                                           .api_key = std::move(api_key),
                                           .name = fmt::format("{}:{}", parsed->host, parsed->port)});
        return true;
    }

    // 0 is no limit there, and here the usual one.
    void take_timeouts(config::Model& model, const Node& section, const std::string& key) {
        const auto* timeouts = child(section, "timeouts");
        if (timeouts == nullptr) return;
        const auto path = key + ".timeouts";
        const auto take = [&](std::chrono::milliseconds& into, std::string_view name) {
            const int seconds = number(*timeouts, name, path).value_or(0);
            if (seconds > 0) into = std::chrono::seconds(std::min(seconds, 3600));
        };
        take(model.remote->budgets.connect, "connect");
        take(model.remote->budgets.first_token, "responseHeader");
        lose_keys(out_.losses, *timeouts, path, timeout_keys());
    }

    void take_peer(const std::string& peer, const Node& node) {
        const auto key = fmt::format("peers.{}", config::printable(peer));
        const auto url = expand(macros_, text_at(node, "proxy"), key + ".proxy");
        const auto before = out_.losses.size();
        auto secret = expand(macros_, text_at(node, "apiKey"), key + ".apiKey");
        if (out_.losses.size() != before) secret = "unknown";  // so that a variable for it is written
        const auto* models = child(node, "models");
        config::TimeBudgets budgets;
        for (const auto& item : items_of(models)) {
            config::Model model;
            if (!set_server(model, url, "", item.text, secret)) {
                lose(key + ".proxy", config::without_user(url), "is no http or https address of a server");
                break;
            }
            if (&item == models->items.data())
                take_timeouts(model, node, key);
            else
                model.remote->budgets = budgets;
            budgets = model.remote->budgets;
            const auto added = add_model(out_, std::move(model), item.text, key + ".models");
            if (!secret.empty())
                lose(key + ".apiKey", "not printed here", fmt::format("{}: no secret is written into a file", added),
                     fmt::format("set SARAI_{}_API_KEY, or put it into .env", config::environment_word(added)));
        }
        lose_keys(out_.losses, node, key, peer_keys());
    }

    [[nodiscard]] config::Model* find(const std::string& id) {
        const auto known = ids_.find(id);
        if (known == ids_.end()) return nullptr;
        return &*std::ranges::find(out_.config.models, known->second, &config::Model::name);
    }

    void take_group(const std::string& group, const Node& node) {
        const auto key = fmt::format("groups.{}", config::printable(group));
        const bool persistent = text_at(node, "persistent") == "true";
        if (text_at(node, "swap") != "false" && !persistent)
            lose(key + ".swap", "true", "models stay in memory beside each other as long as they fit",
                 "memory.max_concurrent_llms: 1 for one at a time");
        if (text_at(node, "exclusive") != "false" && !persistent)
            lose(key + ".exclusive", "true", "others are unloaded only where their memory is needed");
        const auto* members = child(node, "members");
        for (const auto& member : items_of(members)) {
            auto* model = find(member.text);
            if (model == nullptr) {
                lose(key + ".members", member.text, "is no model of this file");
                continue;
            }
            if (!persistent || !model->local) continue;
            model->pinned = true;
            if (model->ttl.count() > 0)
                lose(fmt::format("models.{}.ttl", config::printable(member.text)),
                     fmt::format("{} s", model->ttl.count() / 1000),
                     "does not go with a persistent group, whose models are pinned here", "remove pinned, or leave it");
            model->ttl = {};
        }
    }

    void take_preload() {
        const auto* hooks = child(root_, "hooks");
        const auto* startup = hooks == nullptr ? nullptr : child(*hooks, "on_startup");
        const auto* preload = startup == nullptr ? nullptr : child(*startup, "preload");
        if (preload == nullptr) return;
        for (const auto& item : preload->items) {
            auto* model = find(item.text);
            if (model == nullptr)
                lose("hooks.on_startup.preload", item.text, "is no model of this file");
            else if (!model->local)
                lose("hooks.on_startup.preload", item.text, "sarai does not start it");
            else
                model->preload = true;
        }
    }

    const Node& root_;
    const fs::path& folder_;
    const Facts& facts_;
    Macros macros_;
    Imported out_;
    int port_ = usual_first_port;
    std::optional<int> load_timeout_;         // seconds
    int usual_ttl_ = 0;                       // likewise; 0: never
    std::map<std::string, std::string> ids_;  // llama-swap's name → ours
    std::set<std::string> programs_;          // that were told
};

}  // namespace

Imported import_llama_swap(const Node& root, const fs::path& folder, const config::Environment& environment,
                           const Facts& facts) {
    return SwapReader(root, folder, environment, facts).run();
}

}  // namespace sarai::imports
