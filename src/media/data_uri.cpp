#include "media/data_uri.hpp"

#include <fmt/format.h>

#include <boost/beast/core/string.hpp>
#include <charconv>
#include <utility>

#include "protocols/base64.hpp"
#include "protocols/json.hpp"

namespace sarai::media {
namespace {

using boost::beast::iequals;

constexpr std::string_view scheme = "data:";
constexpr std::size_t longest_label = 256;

Result<std::string> decode_percent(std::string_view text, const std::string& field) {
    std::string out;
    out.reserve(text.size());
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        unsigned char byte = 0;
        const auto digits = text.substr(i + 1, 2);
        const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), byte, 16);
        if (digits.size() < 2 || ec != std::errc{} || end != digits.data() + 2)
            return fail_field(field, fmt::format("'{}' has \"{}\"; expected two hexadecimal digits after each %", field,
                                                 protocols::excerpt(text.substr(i, 3))));
        out += static_cast<char>(byte);
        i += 2;
    }
    return out;
}

// A form of base64 that was percent-encoded on top ("%2B" for "+"), as some libraries write it.
Result<std::string> decode_payload(std::string_view payload, bool base64, Bytes most, const std::string& field) {
    if (!base64) return decode_percent(payload, field);
    if (!payload.contains('%')) return decode_plain(payload, most, field);
    const auto plain = decode_percent(payload, field);
    if (!plain) return plain;
    return decode_plain(*plain, most, field);
}

}  // namespace

std::unexpected<Error> too_large(const std::string& field, std::string_view value, std::string_view most) {
    return std::unexpected(Error{.code = Code::too_large,
                                 .message = fmt::format("'{}' has {}; expected at most {}", field, value, most),
                                 .field = field});
}

bool is_data_uri(std::string_view text) { return iequals(text.substr(0, scheme.size()), scheme); }

Result<std::string> decode_plain(std::string_view base64, Bytes most, const std::string& field) {
    // A little more than what is allowed may be line ends.
    const auto least = Bytes{static_cast<std::int64_t>(base64.size() / 80 * 76 / 4 * 3)};
    if (least > most) return too_large(field, to_string(least), to_string(most));
    auto bytes = protocols::decode_base64(base64);
    if (!bytes)
        return fail_field(field, fmt::format("'{}' is \"{}\", which is no base64: {}", field,
                                             protocols::excerpt(base64, 40), bytes.error().message));
    const Bytes size{static_cast<std::int64_t>(bytes->size())};
    if (size > most) return too_large(field, to_string(size), to_string(most));
    return bytes;
}

Result<Labelled> decode_data_uri(std::string_view text, Bytes most, const std::string& field) {
    const auto comma = text.substr(0, scheme.size() + longest_label).find(',');
    if (!is_data_uri(text) || comma == std::string_view::npos)
        return fail_field(
            field, fmt::format("'{}' is \"{}\"; expected data:TYPE;base64,…", field, protocols::excerpt(text, 40)));
    auto head = text.substr(scheme.size(), comma - scheme.size());
    const auto payload = text.substr(comma + 1);
    constexpr std::string_view mark = ";base64";
    const bool base64 = head.size() >= mark.size() && iequals(head.substr(head.size() - mark.size()), mark);
    if (base64) head.remove_suffix(mark.size());
    // Percent-encoded, each byte takes up to three.
    if (std::cmp_greater(payload.size() / 3, most.count))
        return too_large(field, to_string(Bytes{static_cast<std::int64_t>(payload.size() / 4 * 3)}), to_string(most));
    auto bytes = decode_payload(payload, base64, most, field);
    if (!bytes) return std::unexpected(bytes.error());
    const Bytes size{static_cast<std::int64_t>(bytes->size())};
    if (size > most) return too_large(field, to_string(size), to_string(most));
    return Labelled{.label = std::string(head.substr(0, head.find(';'))), .bytes = std::move(*bytes)};
}

std::string to_data_uri(std::string_view media_type, std::string_view bytes) {
    std::string out;
    out.reserve(32 + bytes.size() / 3 * 4 + 4);
    out.append(scheme).append(media_type).append(";base64,").append(protocols::encode_base64(bytes));
    return out;
}

}  // namespace sarai::media
