// Data URIs (RFC 2397) and bare base64, as requests bring files. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::media {

struct Labelled {
    std::string label;  // the media type that it claims, without parameters; "" where it claims none
    std::string bytes;
};

[[nodiscard]] bool is_data_uri(std::string_view text);
[[nodiscard]] bool is_web_url(std::string_view text);  // http:// or https://

// "data:image/png;base64,…", or percent-encoded without ";base64". What is larger than `most` is refused before it is
// decoded. Errors: invalid_argument, too_large; both name `field`.
[[nodiscard]] Result<Labelled> decode_data_uri(std::string_view text, Bytes most, const std::string& field);
// The same for base64 without anything around it.
[[nodiscard]] Result<std::string> decode_plain(std::string_view base64, Bytes most, const std::string& field);

// Either of the two.
[[nodiscard]] Result<Labelled> decode_file(std::string_view text, Bytes most, const std::string& field);

// The first bytes of either, at most `most`, where no character of UTF-8 is cut; none of what is broken there.
struct Beginning {
    std::string bytes;
    std::int64_t whole = 0;  // how many it has altogether, about
};
[[nodiscard]] Beginning decode_beginning(std::string_view text, std::size_t most);

[[nodiscard]] std::string to_data_uri(std::string_view media_type, std::string_view bytes);

// "'messages[0].content[1].image_url.url' has 25 MiB; expected at most 20 MiB".
[[nodiscard]] std::unexpected<Error> too_large(const std::string& field, std::string_view value, std::string_view most);

}  // namespace sarai::media
