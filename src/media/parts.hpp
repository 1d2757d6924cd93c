// The media parts of a chat's body in its neutral form (llm/types.hpp), wherever they came from: OpenAI's `image_url`,
// `input_audio` and `file`, the `audio_url`, `video_url` and `input_video` of other servers. Ollama's `images` and
// Anthropic's `image` blocks are `image_url` by then. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "media/kind.hpp"

namespace sarai::media {

namespace json = boost::json;

struct Part {
    std::size_t message = 0;
    std::size_t index = 0;              // in the message's content
    Family expected = Family::unknown;  // unknown: whatever it is
    std::string field;                  // "messages[2].content[1].image_url.url"
    std::string_view data;              // a data: URL, an http(s):// one, or base64; points into the body
    std::string_view label;             // the format; "" where nobody says it
    std::string_view name;              // of a file
};

// Costs a look at each part's type.
[[nodiscard]] bool has_media(const json::object& body);

// In order. Errors, with the field: invalid_argument for a part without data, unsupported for a file that lies on
// somebody's server (file_id).
[[nodiscard]] Result<std::vector<Part>> find_media(const json::object& body);

// The same of one part of a message's content; nullopt for one that is text.
[[nodiscard]] Result<std::optional<Part>> media_in(const json::value& part, std::size_t message, std::size_t index);

// A part of type `file` that has one in it.
[[nodiscard]] std::optional<Part> file_in(const json::value& part);

}  // namespace sarai::media
