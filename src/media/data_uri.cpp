#include "media/data_uri.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <limits>
#include <utility>

#include "base/utf8.hpp"
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

bool is_web_url(std::string_view text) {
    return iequals(text.substr(0, 7), "http://") || iequals(text.substr(0, 8), "https://");
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

Result<Labelled> decode_file(std::string_view text, Bytes most, const std::string& field) {
    if (is_data_uri(text)) return decode_data_uri(text, most, field);
    return decode_plain(text, most, field).transform([](std::string bytes) {
        return Labelled{.label = {}, .bytes = std::move(bytes)};
    });
}

Beginning decode_beginning(std::string_view text, std::size_t most) {
    const auto comma = is_data_uri(text) ? text.substr(0, scheme.size() + longest_label).find(',') : 0;
    const auto head = comma == 0 || comma == std::string_view::npos ? 0 : comma + 1;
    const auto all = text.size() - head;
    const auto part = std::min(all, most / 3 * 4 + 4);
    const Bytes no_limit{std::numeric_limits<std::int64_t>::max()};
    // What is cut may end within a byte: of base64 by one digit, of percent-encoded text by two.
    for (std::size_t cut = 0; cut < (part < all ? 3U : 1U); ++cut) {
        auto begun = decode_file(text.substr(0, head + part - cut), no_limit, {});
        if (!begun) continue;
        auto bytes = std::move(begun->bytes);
        const auto share = static_cast<double>(all) / static_cast<double>(part);
        const auto whole = static_cast<std::int64_t>(static_cast<double>(bytes.size()) * share);
        const auto sure = part < all && !bytes.empty() ? bytes.size() - 1 : bytes.size();
        bytes.resize(utf8_floor(bytes, std::min(most, sure)));
        return {.bytes = std::move(bytes), .whole = whole};
    }
    return {};
}

std::string to_data_uri(std::string_view media_type, std::string_view bytes) {
    std::string out;
    out.reserve(32 + bytes.size() / 3 * 4 + 4);
    out.append(scheme).append(media_type).append(";base64,").append(protocols::encode_base64(bytes));
    return out;
}

}  // namespace sarai::media
