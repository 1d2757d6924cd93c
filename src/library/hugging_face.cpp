#include "library/hugging_face.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>
#include <vector>

#include "library/name.hpp"
#include "protocols/json.hpp"

namespace sarai::library {
namespace {

using namespace protocols;

constexpr std::string_view usual = "Q4_K_M";  // what most repositories have, and most people want
constexpr std::size_t most_listed = 20;

bool is_split(std::string_view name) {  // "model-00001-of-00003.gguf"
    const auto at = name.rfind("-of-");
    if (at == std::string_view::npos || at < 6) return false;
    return std::ranges::all_of(name.substr(at - 5, 5), [](char c) { return c >= '0' && c <= '9'; });
}

// As a word of its own: "Q4_K" is not in "model-Q4_K_M.gguf".
bool has_word(std::string_view name, std::string_view word) {
    const auto is_inside = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
    };
    const auto text = lower(name);
    const auto wanted = lower(word);
    for (auto at = text.find(wanted); at != std::string::npos; at = text.find(wanted, at + 1)) {
        const auto end = at + wanted.size();
        if ((at == 0 || !is_inside(text[at - 1])) && (end == text.size() || !is_inside(text[end]))) return true;
    }
    return false;
}

std::string_view base_name(std::string_view name) { return name.substr(name.rfind('/') + 1); }

std::vector<HubFile> gguf_files(const json::object& answer) {
    std::vector<HubFile> files;
    const auto* siblings = array_at(answer, "siblings");
    if (siblings == nullptr) return files;
    for (const auto& value : *siblings) {
        const auto* entry = value.if_object();
        if (entry == nullptr) continue;
        HubFile file{.name = std::string(string_at(*entry, "rfilename"))};
        if (!lower(file.name).ends_with(".gguf")) continue;
        auto size = integer_at(*entry, "size");
        if (const auto* lfs = object_at(*entry, "lfs")) {
            if (auto digest = parse_digest(fmt::format("sha256:{}", string_at(*lfs, "sha256"))))
                file.digest = std::move(*digest);
            if (const auto stored = integer_at(*lfs, "size")) size = stored;
        }
        if (size && *size >= 0) file.size = Bytes{*size};
        files.push_back(std::move(file));
    }
    std::ranges::sort(files, {}, &HubFile::name);
    return files;
}

std::string listed(const std::vector<HubFile>& files) {
    std::vector<std::string> names;
    for (const auto& file : files | std::views::take(most_listed)) names.push_back(excerpt(file.name));
    return fmt::format("{}{}", fmt::join(names, ", "),
                       files.size() > most_listed ? fmt::format(" and {} more", files.size() - most_listed) : "");
}

std::unexpected<Error> not_there(std::string message) {
    return std::unexpected(Error{.code = Code::not_found, .message = std::move(message), .field = "model"});
}

}  // namespace

Result<HubChoice> choose_files(const json::object& answer, std::string_view quantisation) {
    std::vector<HubFile> models;
    std::vector<HubFile> projectors;
    for (auto& file : gguf_files(answer))
        (lower(file.name).contains("mmproj") ? projectors : models).push_back(std::move(file));
    if (models.empty()) return not_there("the repository has no GGUF files");

    const bool any = same(quantisation, "latest");
    const auto wanted = any ? usual : quantisation;
    std::vector<HubFile> fitting;
    for (const auto& file : models)
        if (same(base_name(file.name), wanted) || has_word(file.name, wanted)) fitting.push_back(file);
    if (fitting.empty() && any && models.size() == 1) fitting = models;
    if (fitting.empty())
        return not_there(fmt::format("the repository has no file for \"{}\"; it has {}", wanted, listed(models)));
    // Of a model that is there both ways the whole file will do.
    const auto split = std::ranges::stable_partition(fitting, [](const HubFile& file) { return !is_split(file.name); });
    if (split.size() == fitting.size())
        return fail(
            Code::unsupported,
            fmt::format("{} is split into {} files, which is not supported", fitting.front().name, fitting.size()),
            "Choose another quantisation, or merge the files with llama-gguf-split and bring the one.");
    fitting.erase(split.begin(), split.end());
    if (fitting.size() > 1)
        return not_there(fmt::format("several files fit \"{}\": {}; name one of them", wanted, listed(fitting)));

    HubChoice choice{.model = std::move(fitting.front())};
    // Projectors are small; f16 is what all engines compute with.
    const auto f16 = std::ranges::find_if(projectors, [](const HubFile& file) { return has_word(file.name, "f16"); });
    if (f16 != projectors.end())
        choice.mmproj = std::move(*f16);
    else if (!projectors.empty())
        choice.mmproj = std::move(projectors.front());
    return choice;
}

}  // namespace sarai::library
