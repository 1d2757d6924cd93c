#include "imports/gguf_folder.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "config/problem.hpp"

namespace sarai::imports {
namespace {

namespace fs = std::filesystem;

constexpr int deepest_folder = 4;  // folders within the folder

std::string lower(std::string text) {
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

// "model-00002-of-00003": the second of three.
struct Part {
    std::string whole;  // "model"
    int number = 1;
    int count = 1;
};

Part part_of(const fs::path& file) {
    const auto stem = file.stem().string();
    constexpr std::size_t length = std::string_view("-00001-of-00003").size();
    const auto tail = stem.size() > length ? stem.substr(stem.size() - length) : "";
    const auto digits = [&](std::size_t at) {
        return std::ranges::all_of(tail.substr(at, 5), [](unsigned char c) { return std::isdigit(c) != 0; });
    };
    if (tail.empty() || tail[0] != '-' || tail.substr(6, 4) != "-of-" || !digits(1) || !digits(10)) return {stem, 1, 1};
    return {stem.substr(0, stem.size() - length), std::stoi(tail.substr(1, 5)), std::stoi(tail.substr(10, 5))};
}

fs::path file_of(const fs::path& first, const Part& part, int number) {
    return first.parent_path() /
           fmt::format("{}-{:05}-of-{:05}{}", part.whole, number, part.count, first.extension().string());
}

int missing_parts(const fs::path& first, const Part& part) {
    int missing = 0;
    for (int i = 2; i <= part.count; ++i) {
        std::error_code ignored;
        missing += fs::exists(file_of(first, part, i), ignored) ? 0 : 1;
    }
    return missing;
}

bool is_projector_by_name(const fs::path& file) { return lower(file.filename().string()).contains("mmproj"); }

// How many letters at the start of both are the same, "mmproj" itself aside.
std::size_t in_common(const fs::path& projector, const fs::path& model) {
    auto name = lower(projector.stem().string());
    if (const auto at = name.find("mmproj"); at != std::string::npos) name.erase(at, 6);
    name.erase(0, name.find_first_not_of("-_."));
    const auto other = lower(model.stem().string());
    const auto [end, ignored] = std::ranges::mismatch(name, other);
    return static_cast<std::size_t>(end - name.begin());
}

void pair(Imported& into, const fs::path& projector) {
    std::vector<config::Model*> beside;
    std::size_t most = 0;
    for (auto& model : into.config.models) {
        if (model.kind != config::ModelKind::chat || model.local->path.parent_path() != projector.parent_path())
            continue;
        const auto common = in_common(projector, model.local->path);
        if (common < most) continue;
        if (common > most) beside.clear();
        most = common;
        beside.push_back(&model);
    }
    // Several without anything in common: nobody can tell. Several quantisations of one model have the same in common.
    if (beside.empty() || (beside.size() > 1 && most < 3)) {
        into.losses.push_back({.key = projector.filename().string(),
                               .value = projector.string(),
                               .why = "is a projector, and which model it belongs to its name does not tell",
                               .instead = "set mmproj of that model"});
        return;
    }
    for (auto* model : beside) {
        if (model->local->mmproj) {
            into.notes[model->name].push_back(fmt::format("another projector: {}", projector.string()));
            continue;
        }
        model->local->mmproj = projector;
    }
}

}  // namespace

std::vector<fs::path> gguf_files(const fs::path& folder) {
    std::vector<fs::path> files;
    std::error_code stopped;
    for (fs::recursive_directory_iterator next(folder, fs::directory_options::skip_permission_denied, stopped), end;
         !stopped && next != end; next.increment(stopped)) {
        std::error_code ignored;
        if (next.depth() >= deepest_folder) next.disable_recursion_pending();
        if (lower(next->path().extension().string()) == ".gguf" && next->is_regular_file(ignored))
            files.push_back(next->path());
    }
    std::ranges::sort(files);
    return files;
}

Imported import_gguf_folder(const fs::path& folder, const Facts& facts) {
    Imported out;
    std::vector<fs::path> projectors;
    for (const auto& file : gguf_files(folder)) {
        const auto key = file.lexically_relative(folder).string();
        if (!is_writable(file.string())) {
            out.losses.push_back({.key = "file",
                                  .value = config::printable(file.string(), 200),
                                  .why = "has a name that no configuration can hold",
                                  .instead = "rename it"});
            continue;
        }
        const auto part = part_of(file);
        if (part.number > 1) {
            std::error_code ignored;
            if (!fs::exists(file_of(file, part, 1), ignored) &&
                !fs::exists(file_of(file, part, part.number - 1), ignored))
                out.losses.push_back({.key = key,
                                      .value = fmt::format("part {} of {}", part.number, part.count),
                                      .why = "the first part is not there",
                                      .instead = "put all parts into one folder"});
            continue;
        }
        if (is_projector_by_name(file)) {
            projectors.push_back(file);
            continue;
        }
        config::Model model{.local = config::LocalModel{}};
        model.local->path = file;
        const auto said = facts(file);
        if (said && said->is_projector) {
            projectors.push_back(file);
            continue;
        }
        const int trained = look_into(out, model, [&](const fs::path&) { return said; }, key);
        if (trained > 0) model.local->context_length = std::min(model.local->context_length, trained);
        const auto name = add_model(out, std::move(model), part.whole, key);
        if (part.count == 1) continue;
        out.notes[name].push_back(fmt::format("the first of {} parts", part.count));
        if (const int missing = missing_parts(file, part); missing > 0)
            out.losses.push_back({.key = key,
                                  .value = fmt::format("{} of {} parts", missing, part.count),
                                  .why = "are not there, so that the model cannot be loaded",
                                  .instead = "fetch them into the same folder"});
    }
    for (const auto& projector : projectors) pair(out, projector);
    // Whoever has a folder of models does not expect all of them to be in memory at once.
    out.config.memory.policy = "lru";
    return out;
}

}  // namespace sarai::imports
