#include "media/parts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::media {
namespace {

using protocols::array_at;
using protocols::find;
using protocols::object_at;
using protocols::string_at;

struct Form {
    std::string_view type;  // also the key of what it holds
    Family expected;
    std::array<std::string_view, 2> keys;  // where the data stand in that, the usual one first
};
constexpr std::array forms{
    Form{"image_url", Family::image, {"url", ""}},       Form{"input_audio", Family::audio, {"data", "url"}},
    Form{"audio_url", Family::audio, {"url", ""}},       Form{"video_url", Family::video, {"url", ""}},
    Form{"input_video", Family::video, {"data", "url"}}, Form{"file", Family::unknown, {"file_data", "file_url"}},
};

const Form* form_of(const json::value& part) {
    const auto* object = part.if_object();
    if (object == nullptr) return nullptr;
    const auto found = std::ranges::find(forms, string_at(*object, "type"), &Form::type);
    return found == forms.end() ? nullptr : &*found;
}

Result<Part> read_part(const json::object& object, const Form& form, std::string path) {
    path.append(".").append(form.type);
    const auto* held = find(object, form.type);
    Part part{.expected = form.expected, .field = path, .data = {}, .label = {}, .name = {}};
    if (held != nullptr && held->is_string()) {  // {"type": "image_url", "image_url": "data:…"}
        part.data = held->get_string();
    } else if (const auto* inner = held == nullptr ? nullptr : held->if_object()) {
        if (form.type == "file" && find(*inner, "file_data") == nullptr && find(*inner, "file_id") != nullptr)
            return std::unexpected(Error{.code = Code::unsupported,
                                         .message = fmt::format("'{}.file_id' names a file on a server; expected "
                                                                "'file_data', the file itself",
                                                                path),
                                         .field = path + ".file_id"});
        part.field = fmt::format("{}.{}", path, form.keys[0]);
        for (const auto key : form.keys) {
            if (key.empty() || !part.data.empty()) continue;
            part.data = string_at(*inner, key);
            if (!part.data.empty()) part.field = fmt::format("{}.{}", path, key);
        }
        part.label = string_at(*inner, "format");
        part.name = string_at(*inner, "filename");
    }
    if (!part.data.empty()) return part;
    const auto* inner = held == nullptr ? nullptr : held->if_object();
    const auto* value = inner == nullptr ? held : find(*inner, form.keys[0]);
    return protocols::wrong(part.field, value, "a data: URL, an http:// or https:// one, or base64");
}

}  // namespace

bool has_media(const json::object& body) {
    const auto* messages = array_at(body, "messages");
    if (messages == nullptr) return false;
    return std::ranges::any_of(*messages, [](const json::value& message) {
        const auto* object = message.if_object();
        const auto* parts = object == nullptr ? nullptr : array_at(*object, "content");
        return parts != nullptr &&
               std::ranges::any_of(*parts, [](const json::value& part) { return form_of(part) != nullptr; });
    });
}

Result<std::optional<Part>> media_in(const json::value& part, std::size_t message, std::size_t index) {
    const auto* form = form_of(part);
    if (form == nullptr) return std::nullopt;
    auto read = read_part(part.get_object(), *form, fmt::format("messages[{}].content[{}]", message, index));
    if (!read) return std::unexpected(std::move(read.error()));
    read->message = message;
    read->index = index;
    return read;
}

Result<std::vector<Part>> find_media(const json::object& body) {
    std::vector<Part> all;
    const auto* messages = array_at(body, "messages");
    for (std::size_t i = 0; messages != nullptr && i < messages->size(); ++i) {
        const auto* message = (*messages)[i].if_object();
        const auto* parts = message == nullptr ? nullptr : array_at(*message, "content");
        for (std::size_t j = 0; parts != nullptr && j < parts->size(); ++j) {
            auto part = media_in((*parts)[j], i, j);
            if (!part) return std::unexpected(part.error());
            if (*part) all.push_back(std::move(**part));
        }
    }
    return all;
}

std::optional<Part> file_in(const json::value& part) {
    const auto* form = form_of(part);
    if (form == nullptr || form->type != "file") return std::nullopt;
    auto file = read_part(part.get_object(), *form, {});
    return file ? std::optional(std::move(*file)) : std::nullopt;
}

}  // namespace sarai::media
