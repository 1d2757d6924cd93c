#include "imports/source.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/file.hpp"
#include "config/yaml_tree.hpp"
#include "imports/gguf_folder.hpp"
#include "imports/llama_swap_keys.hpp"

namespace sarai::imports {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view where_ollama_is =
    "Ollama's service keeps its models in /usr/share/ollama/.ollama/models, or where its OLLAMA_MODELS says.";

// A file or folder that is there and may be read has no error.
std::error_code why_unreadable(const fs::path& path) {
    std::error_code why;
    const auto status = fs::status(path, why);
    if (status.type() == fs::file_type::not_found) return make_error_code(std::errc::no_such_file_or_directory);
    if (!why && fs::is_directory(status)) (void)fs::directory_iterator(path, why);
    return why;
}

std::optional<fs::path> ollama_folder(const fs::path& path) {
    std::error_code ignored;
    // Of ~/.ollama as well, which has more beside its models.
    for (const auto& folder : {path, path / "models"})
        if (fs::is_directory(folder / "manifests", ignored) && fs::is_directory(folder / "blobs", ignored))
            return folder;
    return std::nullopt;
}

bool is_llama_swap(const fs::path& path) {
    std::error_code ignored;
    if (!fs::is_regular_file(path, ignored)) return false;
    const auto text = config::read_text(path);
    if (!text) return false;
    const auto tree = config::parse_yaml(*text);
    const auto* models = tree ? child(*tree, "models") : nullptr;
    return models != nullptr &&
           std::ranges::any_of(models->items, [](const auto& entry) { return child(entry, "cmd") != nullptr; });
}

constexpr std::string_view looked_for(SourceKind kind) {
    switch (kind) {
        case SourceKind::ollama: return "Ollama's folder, which has \"manifests\" and \"blobs\"";
        case SourceKind::llama_swap: return "llama-swap's YAML file, which has \"models\" with a \"cmd\" each";
        case SourceKind::gguf: return "a folder with *.gguf files";
    }
    return "";
}

}  // namespace

std::string_view name_of(SourceKind kind) {
    switch (kind) {
        case SourceKind::ollama: return "ollama";
        case SourceKind::llama_swap: return "llama-swap";
        case SourceKind::gguf: return "gguf";
    }
    return "";
}

std::optional<SourceKind> source_named(std::string_view name) {
    for (const auto kind : {SourceKind::ollama, SourceKind::llama_swap, SourceKind::gguf})
        if (name_of(kind) == name) return kind;
    return std::nullopt;
}

Result<Source> recognise(const fs::path& path, std::optional<SourceKind> only) {
    const auto place = fs::absolute(path).lexically_normal();
    const std::string hint = path.string().contains("ollama") ? std::string(where_ollama_is) : "";
    if (const auto why = why_unreadable(place); why == std::errc::no_such_file_or_directory)
        return fail(Code::invalid_argument, fmt::format("{} does not exist", path.string()), hint);
    else if (why)
        return fail(Code::invalid_argument, fmt::format("{} cannot be read: {}", path.string(), why.message()),
                    "Whoever runs this has to be allowed to read it: a member of its group, or root.");
    const auto asked = [&](SourceKind kind) { return !only || *only == kind; };
    if (const auto folder = ollama_folder(place); folder && asked(SourceKind::ollama))
        return Source{SourceKind::ollama, *folder};
    if (asked(SourceKind::llama_swap) && is_llama_swap(place)) return Source{SourceKind::llama_swap, place};
    if (asked(SourceKind::gguf) && !gguf_files(place).empty()) return Source{SourceKind::gguf, place};
    if (only) return fail(Code::invalid_argument, fmt::format("{} is not {}", path.string(), looked_for(*only)));
    return fail(
        Code::invalid_argument,
        fmt::format("{} is none of what can be imported; expected {}, {} or {}", path.string(),
                    looked_for(SourceKind::ollama), looked_for(SourceKind::llama_swap), looked_for(SourceKind::gguf)),
        hint);
}

}  // namespace sarai::imports
