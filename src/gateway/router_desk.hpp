// Where requests for the model "auto" learn which model answers them, and what is remembered of that: the models of
// conversations, and the last decisions, for feedback. Everything is bounded and in memory.
//
// It belongs to the gateway and its io thread. The configuration is read at each request: it changes when it is loaded
// again.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/recent.hpp"
#include "gateway/answer.hpp"
#include "router/decide.hpp"
#include "router/scorer.hpp"

namespace sarai::gateway {

// A decision as it is remembered.
struct Routed {
    router::Decision decision;
    router::Scores scores;
    std::string text;  // what was classified
};

class RouterDesk {
public:
    RouterDesk(const config::Config& config, router::Eyes eyes) : config_(config), eyes_(std::move(eyes)) {}

    // Is that the name of the router, and is it switched on? Ollama's clients add ":latest".
    [[nodiscard]] bool is_auto(std::string_view model) const;

    // What would answer. Changes nothing. `mini`: by the smaller classifier.
    // Errors: forbidden where the key may use no chat model; not_found where there is none.
    [[nodiscard]] Result<Routed> look(const llm::Request& request, const Caller& caller, const Shared& shared,
                                      bool mini = false);
    // The same, and from here on it is that model's request. What generates text is remembered.
    [[nodiscard]] Result<Routed> route(llm::Request& request, const Caller& caller, const Shared& shared);

    // How many decisions are.
    static constexpr std::size_t remembered = 1024;
    // The last decision under a request id of that key. Null: there is none, or not any more.
    [[nodiscard]] const Routed* decided(const std::string& key, const std::string& request_id);

    // Loads or wakes what would answer, where that takes nothing from anybody. A hint of a client that repeats the last
    // one within `hint_pause`, or follows any within `other_hint_pause`, does nothing.
    struct Hinted {
        std::string model;
        bool loading = false;
        std::string reason;
    };
    static constexpr std::chrono::seconds hint_pause{5};
    static constexpr std::chrono::seconds other_hint_pause{1};
    [[nodiscard]] Result<Hinted> hint(const llm::Request& request, const Caller& caller, const std::string& client,
                                      const Shared& shared);

    // Of the user's last message: "es", "en" or "other".
    [[nodiscard]] std::string language_of(const llm::Request& request) const;

    // Where labels lead now. Models alone: what the roles of pipelines are filled with.
    [[nodiscard]] router::Targets targets(const Catalogue& catalogue) const;
    // With pipelines that the key may use.
    [[nodiscard]] router::Targets ways(const Shared& shared, const config::ApiKey* key) const;

private:
    [[nodiscard]] std::vector<router::Candidate> candidates(const Catalogue& catalogue) const;

    using Conversation = std::pair<std::string, std::uint64_t>;  // key, llm::conversation_of()
    using RequestId = std::pair<std::string, std::string>;       // key, x-request-id
    struct LastHint {
        std::string model;
        std::chrono::steady_clock::time_point at;
    };

    const config::Config& config_;
    router::Eyes eyes_;
    Recent<Conversation, router::Earlier> conversations_{4096};
    Recent<RequestId, Routed> decisions_{remembered};
    Recent<std::string, LastHint> hints_{1024};
};

// Would a request for the model, or for one of a pipeline's, have to wait for a load?
[[nodiscard]] bool would_load(const Shared& shared, const std::string& name);

}  // namespace sarai::gateway
