// Where each label leads: what the configuration says, and for the rest what fits of the models that there are. Pure.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "config/config.hpp"
#include "router/classifier.hpp"

namespace sarai::router {

// A model that generates text, as far as the choice depends on it.
struct Candidate {
    std::string name;
    bool remote = false;      // a server is asked first
    bool multimodal = false;  // it has a projector
    Bytes size = {};          // of its file; 0: it has none here, or it cannot be read
};

struct Targets {
    std::string hard, soft, web_query;  // never empty where there is a model
    std::string multimodal;             // empty: none can
    std::string fallback;               // for prompts that no label fits
    std::string image, audio;           // pipelines or models for pictures and films, and for sound; empty: multimodal
    std::string mixed;                  // where hard and soft count; empty: whichever wins
    std::string web;                    // a pipeline or model for what only the web knows; empty: web_query
    std::vector<std::string> all;       // models, in the file's order
    std::vector<std::string> pipelines;

    [[nodiscard]] bool has(const std::string& name) const;

    [[nodiscard]] const std::string& of(Label label) const;
    // Where prompts that win by it go: for web_query that may be a pipeline.
    [[nodiscard]] const std::string& way(Label label) const;
};

// What `routing` leaves open:
//  - hard: of the models on servers the first, else the largest file here;
//  - soft: of the models that run here alone the smallest file, else that of hard;
//  - web_query and default: that of hard;
//  - multimodal: the first model with a projector, else none;
//  - image, audio, mixed: vision-expert, voice-assistant and tone-expert, where there are pipelines of these names;
//  - web: web-search, where there is one and the web can be searched.
// `pipelines` may be named wherever models are. Names that no longer are a candidate's count as left open.
[[nodiscard]] Targets find_targets(const config::Routing& routing, std::span<const Candidate> candidates,
                                   std::vector<std::string> pipelines = {});

}  // namespace sarai::router
