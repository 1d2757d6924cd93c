#include "cli/attachment.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <system_error>

#include "config/problem.hpp"
#include "protocols/base64.hpp"

namespace sarai::cli {
namespace {

// A request holds a third more of it, and later requests hold it again.
constexpr auto largest = MiB(20);

std::string lower(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return out;
}

Result<std::string> read_bytes(const std::filesystem::path& file) {
    const auto name = config::printable(file.string(), 400);
    std::error_code ec;
    const auto status = std::filesystem::status(file, ec);
    if (!std::filesystem::exists(status)) return fail(Code::not_found, fmt::format("there is no {}", name));
    if (!std::filesystem::is_regular_file(status))
        return fail(Code::invalid_argument, fmt::format("{} is no file", name));
    const auto size = std::filesystem::file_size(file, ec);
    if (!ec && size > static_cast<std::uintmax_t>(largest.count))
        return fail(Code::too_large,
                    fmt::format("{} has {}; expected at most {}", name,
                                to_string(Bytes{static_cast<std::int64_t>(size)}), to_string(largest)));
    std::ifstream in(file, std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(in), {}};
    if (!in) return fail(Code::io, fmt::format("cannot read {}", name));
    if (bytes.empty()) return fail(Code::invalid_argument, fmt::format("{} is empty", name));
    return bytes;
}

}  // namespace

std::filesystem::path typed_path(std::string_view typed, const config::Environment& environment) {
    if (typed.size() > 1 && (typed.front() == '"' || typed.front() == '\'') && typed.back() == typed.front())
        typed = typed.substr(1, typed.size() - 2);
    const auto* home = environment.find_filled("HOME");
    if (typed.starts_with("~/") && home != nullptr) return std::filesystem::path(*home) / typed.substr(2);
    return typed;
}

Result<Attachment> read_attachment(const std::filesystem::path& file, media::Family family) {
    auto bytes = read_bytes(file);
    if (!bytes) return std::unexpected(std::move(bytes.error()));
    const auto kind = media::sniff(*bytes);
    if (media::family_of(kind) != family)
        return fail(Code::invalid_argument,
                    fmt::format("{} is {}; expected {}", config::printable(file.string(), 400), media::name_of(kind),
                                family == media::Family::image ? "a picture (PNG, JPEG, WebP, GIF …)"
                                                               : "a recording (WAV, MP3, FLAC, Ogg …)"));
    Attachment made{.name = file.filename().string(),
                    .kind = std::string(media::name_of(kind)),
                    .family = family,
                    .size = {static_cast<std::int64_t>(bytes->size())},
                    .part = {}};
    const auto data = protocols::encode_base64(*bytes);
    if (family == media::Family::image)
        made.part = {{"type", "image_url"},
                     {"image_url", {{"url", fmt::format("data:{};base64,{}", media::mime_type(kind), data)}}}};
    else
        made.part = {{"type", "input_audio"}, {"input_audio", {{"data", data}, {"format", lower(made.kind)}}}};
    return made;
}

}  // namespace sarai::cli
