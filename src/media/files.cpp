#include "media/files.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "base/utf8.hpp"
#include "media/data_uri.hpp"
#include "protocols/json.hpp"

namespace sarai::media {
namespace {

constexpr std::size_t enough_to_tell = std::size_t{4} << 10U;  // an SVG says so within as much (kind.cpp)

// "https://host/a/picture.PNG?size=2" → PNG.
Kind by_ending(std::string_view name) {
    name = name.substr(0, name.find_first_of("?#"));
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? Kind::unknown : kind_called(name.substr(dot + 1));
}

Kind by_name(const Part& file) {
    const auto kind = by_ending(file.name);
    return kind == Kind::unknown ? by_ending(file.data) : kind;
}

std::string_view form_for(Family family) {
    switch (family) {
        case Family::unknown:
        case Family::document: break;
        case Family::image: return "image_url";
        case Family::audio: return "audio_url";
        case Family::video: return "video_url";
    }
    return {};
}

Result<json::object> named(const Part& file, Bytes most) {
    if (const auto form = form_for(look_at(file, enough_to_tell).family); !form.empty())
        return json::object{{"type", form}, {form, {{"url", json::string(file.data)}}}};
    if (is_web_url(file.data))
        return fail_field(file.field, fmt::format("'{}' is \"{}\", which does not say what it is; expected the file "
                                                  "itself, or a name that ends like .png, .mp3 or .mp4",
                                                  file.field, protocols::excerpt(file.data, 60)));
    auto bytes = decode_file(file.data, most, file.field);
    if (!bytes) return std::unexpected(bytes.error());
    const auto kind = sniff(bytes->bytes);
    if (auto fits = check_label(bytes->label, kind, file.field); !fits) return std::unexpected(fits.error());
    if (kind != Kind::text) return not_wanted(kind, file.expected, file.field);
    return json::object{{"type", "text"}, {"text", text_of_file(file.name, std::move(bytes->bytes))}};
}

}  // namespace

std::string text_of_file(std::string_view name, std::string bytes) {
    return name.empty() ? std::move(bytes) : fmt::format("File {}:\n{}", protocols::excerpt(name), bytes);
}

Glance look_at(const Part& file, std::size_t most) {
    if (is_web_url(file.data)) return {.family = family_of(by_name(file)), .text = {}};
    auto begun = decode_beginning(file.data, std::max(most, enough_to_tell));
    const auto kind = sniff(begun.bytes);
    Glance glance{.family = family_of(kind), .text = {}};
    if (kind != Kind::text) return glance;
    glance.size = begun.whole;
    begun.bytes.resize(utf8_floor(begun.bytes, most));
    glance.text = text_of_file(file.name, std::move(begun.bytes));
    return glance;
}

Result<void> name_files(json::object& body, Bytes most) {
    if (!has_media(body)) return {};
    const auto parts = find_media(body);
    if (!parts) return std::unexpected(parts.error());
    auto& messages = body["messages"].get_array();
    for (const auto& part : *parts) {
        if (part.expected != Family::unknown) continue;
        auto named_part = named(part, most);
        if (!named_part) return std::unexpected(named_part.error());
        messages[part.message].get_object()["content"].get_array()[part.index] = std::move(*named_part);
    }
    return {};
}

}  // namespace sarai::media
