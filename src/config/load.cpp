#include "config/load.hpp"

#include <algorithm>
#include <tuple>

#include "config/draft.hpp"
#include "config/file.hpp"
#include "config/read.hpp"
#include "config/yaml_tree.hpp"

namespace sarai::config {

namespace {

constexpr std::string_view latest = ":latest";  // what Ollama's clients add

std::string_view without_latest(std::string_view name) {
    return name.ends_with(latest) ? name.substr(0, name.size() - latest.size()) : name;
}

// But for upper and lower case.
bool same_word(std::string_view a, std::string_view b) {
    const auto lower = [](unsigned char c) { return c >= 'A' && c <= 'Z' ? c | 0x20 : c; };
    return std::ranges::equal(a, b, {}, lower, lower);
}

std::expected<Config, std::vector<Problem>> load_with(std::string_view text, const std::filesystem::path& folder,
                                                      const Environment& environment, std::vector<Problem> problems) {
    auto tree = parse_yaml(text);
    if (!tree) {
        problems.insert(problems.begin(), std::move(tree.error()));
        return std::unexpected(std::move(problems));
    }
    Draft draft;
    draft.folder = folder;
    if (const auto* home = environment.find_filled("HOME")) draft.home = *home;
    read_tree(*tree, environment, draft, problems);
    apply_overrides(environment, draft, problems);
    assemble(environment, draft, problems);
    if (problems.empty()) return std::move(draft.config);
    std::ranges::stable_sort(problems, {}, [](const Problem& problem) {
        return std::tuple(problem.line == 0, problem.line, problem.column);
    });
    return std::unexpected(std::move(problems));
}

}  // namespace

bool names_auto(std::string_view model) { return same_word(without_latest(model), auto_model); }

std::filesystem::path Draft::resolve(const std::string& written) const {
    if (written.starts_with("~/") && !home.empty()) return (home / written.substr(2)).lexically_normal();
    return (folder / written).lexically_normal();
}

std::string_view name_of(ModelKind kind) {
    switch (kind) {
        case ModelKind::chat: return "chat";
        case ModelKind::embedding: return "embedding";
        case ModelKind::rerank: return "rerank";
        case ModelKind::transcription: return "transcription";
    }
    return "chat";
}

ModelKind kind_named(std::string_view name) {
    if (name == "transcription") return ModelKind::transcription;
    if (name == "embedding") return ModelKind::embedding;
    return name == "rerank" ? ModelKind::rerank : ModelKind::chat;
}

const Model* Config::find(std::string_view name) const {
    const auto found =
        std::ranges::find_if(models, [&](const Model& model) { return !model.retired && model.name == name; });
    return found == models.end() ? nullptr : &*found;
}

const Pipeline* Config::find_pipeline(std::string_view name) const {
    const auto found = std::ranges::find_if(
        pipelines, [&](const Pipeline& one) { return one.name == name || same_word(one.name, without_latest(name)); });
    return found == pipelines.end() ? nullptr : &*found;
}

std::expected<Config, std::vector<Problem>> load(const std::filesystem::path& file, const Environment& env) {
    const auto text = read_text(file);
    if (!text) return std::unexpected(std::vector{text.error()});
    const auto folder = std::filesystem::absolute(file).parent_path();
    std::vector<Problem> problems;
    Environment environment = env;
    environment.add_missing(read_dotenv(folder / ".env", problems));
    auto config = load_with(*text, folder, environment, std::move(problems));
    if (config) config->file = file;
    return config;
}

std::expected<Config, std::vector<Problem>> load_text(std::string_view text, const std::filesystem::path& base_folder,
                                                      const Environment& env) {
    return load_with(text, base_folder, env, {});
}

}  // namespace sarai::config
