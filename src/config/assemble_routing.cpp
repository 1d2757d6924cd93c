#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.hpp"
#include "config/keys.hpp"
#include "config/read.hpp"

namespace sarai::config {
namespace {

class RoutingChecker {
public:
    RoutingChecker(const Draft& draft, std::vector<Problem>& problems) : draft_(draft), problems_(problems) {
        for (const auto& model : draft.models)
            if (model.kind == ModelKind::chat) chat_.push_back(model.name);
        for (const auto& pipeline : draft.config.pipelines) chat_.push_back(pipeline.name);
    }

    void run() {
        const auto& routing = draft_.config.routing;
        for (const auto& model : draft_.models)
            if (names_auto(model.name))
                add(model.place, "models.auto", "the name by which clients ask for whatever model fits",
                    "another name");
        for (const auto& [key, name] : {std::pair{"hard", &routing.hard},
                                        {"soft", &routing.soft},
                                        {"web_query", &routing.web_query},
                                        {"multimodal", &routing.multimodal},
                                        {"image", &routing.image},
                                        {"audio", &routing.audio},
                                        {"mixed", &routing.mixed},
                                        {"web", &routing.web},
                                        {"default", &routing.fallback}})
            if (!name->empty()) target(fmt::format("routing.{}", key), *name);
        for (std::size_t i = 0; i < routing.rules.size(); ++i)
            rule(fmt::format("routing.rules[{}]", i), routing.rules[i]);
    }

private:
    void target(const std::string& path, const std::string& name) {
        if (std::ranges::contains(chat_, std::string_view(name))) return;
        const bool embeds = std::ranges::contains(draft_.models, name, &ModelDraft::name);
        add(place_of(path), path, embeds ? in_quotes(name) + ", which makes embeddings" : in_quotes(name),
            "the name of a chat model of this file", std::string(nearest(name, chat_).value_or("")));
    }
    void rule(const std::string& path, const RoutingRule& rule) {
        if (!rule.model.empty())
            target(path + ".model", rule.model);
        else if (draft_.given.contains(path) && !draft_.given.contains(path + ".model"))
            add(place_of(path), path + ".model", "missing", "the name of a chat model of this file");
        if (rule.max_size && *rule.max_size < rule.min_size)
            add(place_of(path + ".max_size"), path + ".max_size", to_string(Bytes{*rule.max_size}),
                fmt::format("at least min_size, which is {}", to_string(Bytes{rule.min_size})));
    }

    [[nodiscard]] Place place_of(const std::string& path) const {
        const auto given = draft_.given.find(path);
        return given == draft_.given.end() ? Place{} : given->second;
    }
    void add(Place place, std::string path, std::string value, std::string expected, std::string suggestion = {}) {
        // What another value has already spoilt needs no second report.
        if (std::ranges::contains(problems_, path, &Problem::path)) return;
        problems_.push_back({.path = std::move(path),
                             .line = place.line,
                             .column = place.column,
                             .value = std::move(value),
                             .expected = std::move(expected),
                             .suggestion = std::move(suggestion)});
    }

    const Draft& draft_;
    std::vector<Problem>& problems_;
    std::vector<std::string_view> chat_;
};

}  // namespace

void check_routing(const Draft& draft, std::vector<Problem>& problems) { RoutingChecker(draft, problems).run(); }

}  // namespace sarai::config
