#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string>

#include "base/nearest.hpp"
#include "config/read.hpp"
#include "config/read_value.hpp"

namespace sarai::config {
namespace {

constexpr std::string_view prefer_http = "_PREFER_HTTP";

void add(std::vector<Problem>& problems, std::string_view variable, Problem problem) {
    problem.path = fmt::format("environment {}", printable(variable));
    problems.push_back(std::move(problem));
}

// SARAI_<MODEL>_PREFER_HTTP of every model.
std::vector<std::string> preference_names(const Draft& draft) {
    std::vector<std::string> names;
    for (const auto& model : draft.models) {
        names.push_back(fmt::format("SARAI_{}{}", environment_word(model.name), prefer_http));
    }
    return names;
}

void reject_unknown(const Environment& environment, const Draft& draft, std::vector<Problem>& problems) {
    std::vector<std::string> known = preference_names(draft);
    for (const Key& key : keys()) {
        for (auto& name : environment_of(key)) known.push_back(std::move(name));
    }
    const std::vector<std::string_view> candidates(known.begin(), known.end());
    std::set<std::string> sections;  // "SARAI_MEMORY_"
    for (const auto& key : keys())
        if (!environment_of(key).empty())
            sections.insert("SARAI_" + environment_word(key.path.substr(0, key.path.find('.'))) + "_");
    for (const auto& [name, value] : environment.variables) {
        // Other SARAI_ names belong to the command line and to scripts, and keys of servers to the models: one may be
        // called as a section is.
        const bool ours =
            (!name.ends_with("_API_KEY") &&
             std::ranges::any_of(sections, [&](const std::string& start) { return name.starts_with(start); })) ||
            (name.starts_with("SARAI_") && name.ends_with(prefer_http));
        if (!ours || std::ranges::contains(known, name)) continue;
        add(problems, name,
            {.value = "unknown variable",
             .expected = {},
             .suggestion = std::string(nearest(name, candidates).value_or(""))});
    }
}

void override_key(const Key& key, const Environment& environment, Draft& draft, std::vector<Problem>& problems) {
    for (const auto& name : environment_of(key)) {
        const auto* text = environment.find_filled(name);
        if (text == nullptr) continue;
        auto value = read_value(key, Node{.kind = Node::Kind::scalar, .text = *text}, Source::environment);
        if (value) {
            key.apply(draft, *value);
        } else {
            add(problems, name, std::move(value.error()));
        }
        return;  // the strongest name that is set decides
    }
}

// A model that is not to be asked over HTTP first serves from its own file, where it has one.
void apply_preference(ModelDraft& model, const Environment& environment, std::vector<Problem>& problems) {
    std::vector<std::string> names{fmt::format("SARAI_{}{}", environment_word(model.name), prefer_http)};
    if (model.name == "solar") names.emplace_back("SOLAR_PREFER_HTTP");
    for (const auto& name : names) {
        const auto* text = environment.find_filled(name);
        if (text == nullptr) continue;
        const auto preferred = parse_loose_boolean(*text);
        if (preferred) {
            model.prefer_http = *preferred;
        } else {
            add(problems, name, {.value = in_quotes(*text), .expected = "true or false"});
        }
        return;
    }
}

}  // namespace

void apply_overrides(const Environment& environment, Draft& draft, std::vector<Problem>& problems) {
    for (const Key& key : keys()) override_key(key, environment, draft, problems);
    for (auto& model : draft.models) apply_preference(model, environment, problems);
    if (environment.find_filled("SARAI_MEMORY_MAX_RAM") != nullptr &&
        environment.find_filled("SARAI_MEMORY_MAX_RAM_GB") != nullptr) {
        add(problems, "SARAI_MEMORY_MAX_RAM",
            {.value = "set together with SARAI_MEMORY_MAX_RAM_GB", .expected = "one of them"});
    }
    reject_unknown(environment, draft, problems);
}

}  // namespace sarai::config
