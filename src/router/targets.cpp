#include "router/targets.hpp"

#include <algorithm>

namespace sarai::router {
namespace {

const std::string nobody;

const Candidate* expert_of(std::span<const Candidate> all) {
    if (const auto remote = std::ranges::find_if(all, &Candidate::remote); remote != all.end()) return &*remote;
    const auto largest = std::ranges::max_element(all, {}, &Candidate::size);
    return largest == all.end() ? nullptr : &*largest;
}

const Candidate* tiny_of(std::span<const Candidate> all) {
    const Candidate* tiny = nullptr;
    for (const auto& candidate : all) {
        if (candidate.remote) continue;
        const bool known = candidate.size > Bytes{};
        const bool smaller = tiny == nullptr || (known && (tiny->size <= Bytes{} || candidate.size < tiny->size));
        if (smaller) tiny = &candidate;
    }
    return tiny;
}

}  // namespace

const std::string& Targets::of(Label label) const {
    switch (label) {
        case Label::hard: return hard;
        case Label::soft: return soft;
        case Label::web_query: return web_query;
    }
    return nobody;
}

const std::string& Targets::way(Label label) const {
    return label == Label::web_query && !web.empty() ? web : of(label);
}

bool Targets::has(const std::string& name) const {
    return std::ranges::contains(all, name) || std::ranges::contains(pipelines, name);
}

Targets find_targets(const config::Routing& routing, std::span<const Candidate> candidates,
                     std::vector<std::string> pipelines) {
    Targets targets{.pipelines = std::move(pipelines)};
    for (const auto& candidate : candidates) targets.all.push_back(candidate.name);
    const auto chosen = [&](const std::string& configured, const std::string& otherwise) {
        return targets.has(configured) ? configured : otherwise;
    };
    const auto pipeline = [&](const std::string& configured, const std::string& otherwise) {
        return targets.has(configured) ? configured : targets.has(otherwise) ? otherwise : nobody;
    };
    const auto* expert = expert_of(candidates);
    if (expert == nullptr) return targets;
    const auto* tiny = tiny_of(candidates);
    const auto sees = std::ranges::find_if(candidates, &Candidate::multimodal);
    targets.hard = chosen(routing.hard, expert->name);
    targets.soft = chosen(routing.soft, tiny == nullptr ? targets.hard : tiny->name);
    targets.web_query = chosen(routing.web_query, targets.hard);
    targets.multimodal = chosen(routing.multimodal, sees == candidates.end() ? nobody : sees->name);
    targets.fallback = chosen(routing.fallback, targets.hard);
    targets.image = pipeline(routing.image, "vision-expert");
    targets.audio = pipeline(routing.audio, "voice-assistant");
    targets.mixed = pipeline(routing.mixed, "tone-expert");
    targets.web = pipeline(routing.web, "web-search");
    return targets;
}

}  // namespace sarai::router
