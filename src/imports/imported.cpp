#include "imports/imported.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/built_in_pipelines.hpp"
#include "config/problem.hpp"
#include "config/values.hpp"

namespace sarai::imports {
namespace {

constexpr std::size_t longest_name = 120;  // of 128: a number may follow

std::string valid_name(std::string_view wanted) {
    std::string name;
    for (const char c : wanted.substr(0, longest_name)) {
        const bool fits = config::is_model_name(std::string(1, c)) || c == '/' || c == '.';
        name += fits ? c : '-';
    }
    for (auto at = name.find(".."); at != std::string::npos; at = name.find("..")) name.erase(at, 1);
    while (name.starts_with('/')) name.erase(0, 1);
    return config::is_model_name(name) ? name : "model";
}

bool is_taken(const config::Config& config, std::string_view name) {
    return config.find(name) != nullptr || config::names_auto(name) ||
           std::ranges::contains(config::built_in_pipelines(), name, &config::Pipeline::name);
}

}  // namespace

bool is_writable(std::string_view text) { return config::printable(text, text.size() + 1) == text; }

config::ModelKind model_kind(const memory::ModelFacts& facts) {
    switch (memory::kind_of(facts)) {
        case memory::FileKind::embedding: return config::ModelKind::embedding;
        case memory::FileKind::rerank: return config::ModelKind::rerank;
        case memory::FileKind::transcription: return config::ModelKind::transcription;
        case memory::FileKind::chat:
        case memory::FileKind::projector: break;
    }
    return config::ModelKind::chat;
}

std::string add_model(Imported& into, config::Model model, std::string_view wanted, std::string_view key) {
    const auto base = valid_name(wanted);
    model.name = base;
    for (int i = 2; is_taken(into.config, model.name); ++i) model.name = fmt::format("{}-{}", base, i);
    if (model.name != wanted)
        into.losses.push_back({.key = std::string(key),
                               .value = config::printable(wanted),
                               .why = model.name == base ? "is no name of a model here" : "is a name that is taken",
                               .instead = fmt::format("ask for {}", model.name)});
    into.config.models.push_back(std::move(model));
    return into.config.models.back().name;
}

int look_into(Imported& into, config::Model& model, const Facts& facts, std::string_view key) {
    const auto said = facts(model.local->path);
    if (!said) {
        into.losses.push_back({.key = std::string(key),
                               .value = model.local->path.string(),
                               .why = fmt::format("what the file is for cannot be read: {}", said.error().message),
                               .instead = fmt::format("kind is {} here; set it", config::name_of(model.kind))});
        return 0;
    }
    const auto kind = model_kind(*said);
    if (kind == config::ModelKind::embedding || kind == config::ModelKind::rerank) model.kind = kind;
    return said->context_length;
}

}  // namespace sarai::imports
