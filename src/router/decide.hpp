// Which model answers a prompt, and why: scores, facts of the request and configured rules in, a decision out. Pure.
//
// In this order: the first of the configured rules that fits; a picture, sound or film in the conversation; the model
// that the conversation has had so far, unless the topic changed; the label of the prompt; the default, for a prompt
// that no label fits or that is unlike anything the classifier was taught.
//
// A label counts from its threshold on. Of hard and soft together, hard wins where
//
//     alpha * hard >= beta * soft
//
// and web_query wins over that one where its score is the higher.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "router/classifier.hpp"
#include "router/targets.hpp"

namespace sarai::router {

enum class Route : std::uint8_t { hard, soft, web_query, multimodal, fallback, pinned, rule };
// As headers, log, metrics and feedback have it: "hard", "soft", "web_query", "multimodal", "default", "pinned",
// "rule".
[[nodiscard]] std::string_view name_of(Route route);

// What a conversation was given before.
struct Earlier {
    std::string model;
    std::optional<Label> label;  // absent: no label decided
};

struct Facts {
    bool image = false, audio = false, video = false;  // anywhere in the conversation: the model reads all of it
    std::int64_t size = 0;                             // bytes of the message that is classified
    bool tools = false;
    std::optional<Earlier> earlier = {};

    [[nodiscard]] bool any_attachment() const { return image || audio || video; }
};

// What speaks against a model for this request.
struct Obstacle {
    std::string why;         // completes "…, because"; empty: nothing
    bool forbidden = false;  // never chosen; others only where something better is left
};
using Obstacles = std::function<Obstacle(std::string_view model)>;

// One of the ways that were weighed.
struct Considered {
    std::string route;
    std::string model;
    double score = 0;      // of its label; 0 where it has none
    double threshold = 0;  // likewise
    bool chosen = false;
    std::string note = {};
    bool operator==(const Considered&) const = default;
};

struct Decision {
    std::string model;
    Route route = Route::fallback;
    std::optional<Label> label;  // that the conversation goes on with, and that feedback is about
    std::string reason;          // in words, with numbers, ASCII
    bool instead = false;        // of the model of choice, which may not or cannot answer this request
    std::vector<Considered> considered;
};

// "hard=0.91 soft=0.12 web_query=0.03 familiar=0.88"
[[nodiscard]] std::string describe(const Scores& scores);

// `routing.thresholds.familiar` has to be set: the classifier's own, where the configuration has none.
// Errors: forbidden where no chat model may be used at all.
[[nodiscard]] Result<Decision> decide(const Scores& scores, const Facts& facts, const config::Routing& routing,
                                      const Targets& targets, const Obstacles& obstacles);

}  // namespace sarai::router
