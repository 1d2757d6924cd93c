// Parts of type `file` do not say what they are. Here is who asks before anything of them is converted or fetched: the
// router, and pipelines, whose steps take pictures, sound and films by their forms, and text as text. Pure.
#pragma once

#include <cstdint>
#include <string>

#include "base/bytes.hpp"
#include "media/parts.hpp"

namespace sarai::media {

// Text as a model reads it: after its file's name, where that has one.
[[nodiscard]] std::string text_of_file(std::string_view name, std::string bytes);

// What a file is by its first bytes; of one that is still to be fetched by how its name or URL ends, which may be
// wrong.
struct Glance {
    Family family = Family::unknown;
    std::string text;       // of a text file its beginning
    std::int64_t size = 0;  // and the bytes of all of it, about; 0 of others
};
// Decodes no more than it needs: `most` bytes of a text.
[[nodiscard]] Glance look_at(const Part& file, std::size_t most);

// Puts `image_url`, `audio_url`, `video_url` and `text` parts in the place of `file` ones, each of which is at most
// `most` large. Errors, with the field: those of find_media, of what is no base64 or too large, and invalid_argument
// for what no model here reads or what cannot be told before it is fetched.
[[nodiscard]] Result<void> name_files(json::object& body, Bytes most);

}  // namespace sarai::media
