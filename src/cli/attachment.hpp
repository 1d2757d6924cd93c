// A picture or a recording that goes to a model with a message.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>
#include <string>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "config/environment.hpp"
#include "media/kind.hpp"

namespace sarai::cli {

struct Attachment {
    std::string name;  // of the file, without its folders
    std::string kind;  // "PNG"
    media::Family family = media::Family::unknown;
    Bytes size = {};
    boost::json::object part;  // of a message's content, as in OpenAI's API
};

// With "~/" for the home folder, and without quotes around it, as terminals paste it.
[[nodiscard]] std::filesystem::path typed_path(std::string_view typed, const config::Environment& environment);

// `family` is image or audio. What the file is, its bytes tell, not its name.
// Errors: not_found, io; too_large over 20 MiB; invalid_argument for one that is empty or something else.
[[nodiscard]] Result<Attachment> read_attachment(const std::filesystem::path& file, media::Family family);

}  // namespace sarai::cli
