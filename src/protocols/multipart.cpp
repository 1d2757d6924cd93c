#include "protocols/multipart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "base/utf8.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols {
namespace {

constexpr std::size_t longest_boundary = 70;  // RFC 2046, 5.1.1

std::unexpected<Error> refuse(std::string message) { return fail(Code::invalid_argument, std::move(message)); }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
std::string lowered(std::string_view text) {
    std::string out(text);
    std::ranges::transform(out, out.begin(), lower);
    return out;
}
bool is_blank(char c) { return c == ' ' || c == '\t'; }
std::string_view trimmed(std::string_view text) {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}
bool is_token(std::string_view text) {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return c > ' ' && c < 0x7f && !std::string_view("()<>@,;:\\\"/[]?=").contains(c);
    });
}

struct HeaderValue {
    std::string_view kind;                                    // before the first ';'
    std::vector<std::pair<std::string, std::string>> values;  // of the parameters, by their names in lower case
    [[nodiscard]] const std::string* find(std::string_view name) const {
        const auto at = std::ranges::find(values, name, [](const auto& one) -> std::string_view { return one.first; });
        return at == values.end() ? nullptr : &at->second;
    }
};

// A quoted string's text; `rest` is moved behind it. Of backslashes only those before a quote or another one count:
// old browsers send C:\films\a.wav as it is.
std::optional<std::string> take_quoted(std::string_view& rest) {
    std::string text;
    for (std::size_t i = 1; i < rest.size(); ++i) {
        if (rest[i] == '"') {
            rest.remove_prefix(i + 1);
            return text;
        }
        if (rest[i] == '\\' && i + 1 < rest.size() && (rest[i + 1] == '"' || rest[i + 1] == '\\')) ++i;
        text += rest[i];
    }
    return std::nullopt;
}

std::optional<HeaderValue> read_value(std::string_view text) {
    const auto semicolon = text.find(';');
    HeaderValue value{.kind = trimmed(text.substr(0, semicolon)), .values = {}};
    auto rest = semicolon == std::string_view::npos ? std::string_view{} : text.substr(semicolon + 1);
    for (rest = trimmed(rest); !rest.empty();) {
        const auto equals = rest.find('=');
        if (equals == std::string_view::npos) return std::nullopt;
        const auto name = trimmed(rest.substr(0, equals));
        if (!is_token(name)) return std::nullopt;
        rest = trimmed(rest.substr(equals + 1));
        std::string given;
        if (rest.starts_with('"')) {
            auto quoted = take_quoted(rest);
            if (!quoted) return std::nullopt;
            given = std::move(*quoted);
        } else {
            const auto end = std::min(rest.find(';'), rest.size());
            given = trimmed(rest.substr(0, end));
            if (given.empty()) return std::nullopt;
            rest.remove_prefix(end);
        }
        auto key = lowered(name);
        if (value.find(key) != nullptr) return std::nullopt;  // which of the two counts is a matter of opinion
        value.values.emplace_back(std::move(key), std::move(given));
        rest = trimmed(rest);
        if (rest.empty()) break;
        if (!rest.starts_with(';')) return std::nullopt;
        rest = trimmed(rest.substr(1));
    }
    return value;
}

// "%C3%B1" → "ñ"; nullopt for a '%' without two digits behind it.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        if (text[i] != '%') {
            out += text[i];
            continue;
        }
        if (i + 3 > text.size()) return std::nullopt;
        unsigned byte = 0;
        const auto* end = text.data() + i + 3;
        if (std::from_chars(text.data() + i + 1, end, byte, 16).ptr != end) return std::nullopt;
        out += static_cast<char>(byte);
        i += 2;
    }
    return out;
}

// Browsers escape three characters in names and no others (WHATWG's form-data encoding).
std::string as_browsers_mean(std::string text) {
    static constexpr std::array<std::pair<std::string_view, char>, 3> escapes{
        {{"%22", '"'}, {"%0D", '\r'}, {"%0A", '\n'}}};
    for (const auto& [escape, meant] : escapes)
        for (std::size_t at = 0; (at = text.find(escape, at)) != std::string::npos; ++at)
            text.replace(at, escape.size(), 1, meant);
    return text;
}

// RFC 5987: UTF-8''na%C3%AFve.wav
std::optional<std::string> extended(std::string_view text) {
    const auto first = text.find('\'');
    const auto second = first == std::string_view::npos ? first : text.find('\'', first + 1);
    if (second == std::string_view::npos || lowered(text.substr(0, first)) != "utf-8") return std::nullopt;
    auto decoded = percent_decoded(text.substr(second + 1));
    if (!decoded || valid_utf8(*decoded) != *decoded) return std::nullopt;
    return decoded;
}

Result<std::string> boundary_in(std::string_view content_type) {
    const auto value = read_value(content_type);
    const auto kind = lowered(trimmed(content_type.substr(0, content_type.find(';'))));
    if (kind != "multipart/form-data")
        return refuse(kind.empty() ? "the request has no Content-Type; expected multipart/form-data"
                                   : fmt::format("the body is {}; expected multipart/form-data", excerpt(kind, 60)));
    if (!value)
        return refuse(fmt::format("the Content-Type \"{}\" cannot be read; expected multipart/form-data; boundary=…",
                                  excerpt(content_type)));
    const auto* boundary = value->find("boundary");
    if (boundary == nullptr) return refuse("the Content-Type multipart/form-data has no boundary");
    const auto plain = [](char c) {
        return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z') ||
               std::string_view("'()+_,-./:=? ").contains(c);
    };
    if (boundary->empty() || boundary->size() > longest_boundary || boundary->back() == ' ' ||
        !std::ranges::all_of(*boundary, plain))
        return refuse(
            fmt::format("the boundary \"{}\" is none; expected 1 to {} letters, digits and '()+_,-./:=? (RFC 2046)",
                        excerpt(*boundary), longest_boundary));
    return *boundary;
}

Result<void> take_disposition(FormPart& part, std::string_view text, std::string_view which) {
    const auto unreadable = [&] {
        return refuse(
            fmt::format("{} has the Content-Disposition \"{}\"; expected form-data; name=\"…\"", which, excerpt(text)));
    };
    const auto value = read_value(text);
    if (!value || lowered(value->kind) != "form-data") return unreadable();
    const auto* name = value->find("name");
    if (name == nullptr || name->empty()) return unreadable();
    part.name = as_browsers_mean(*name);
    if (valid_utf8(part.name) != part.name) return refuse(fmt::format("{} has a name that is not UTF-8", which));
    if (const auto* filename = value->find("filename")) part.filename = valid_utf8(as_browsers_mean(*filename));
    if (const auto* filename = value->find("filename*")) {
        auto decoded = extended(*filename);
        if (!decoded)
            return refuse(
                fmt::format("{} has the filename* \"{}\"; expected UTF-8''… (RFC 5987)", which, excerpt(*filename)));
        part.filename = std::move(*decoded);
    }
    return {};
}

Result<FormPart> read_part(std::string_view text, const FormLimits& limits, std::string_view which) {
    FormPart part;
    bool named = false;
    const auto whole = text;
    for (;;) {
        const auto end = text.find("\r\n");
        const auto used = whole.size() - text.size();
        if (used + std::min(end, text.size()) > limits.header)
            return refuse(fmt::format("{} has headers of more than {} bytes", which, limits.header));
        if (end == std::string_view::npos) return refuse(fmt::format("{} ends before its headers do", which));
        const auto line = text.substr(0, end);
        text.remove_prefix(end + 2);
        if (line.empty()) break;
        const auto colon = line.find(':');
        const auto key = lowered(line.substr(0, std::min(colon, line.size())));
        if (colon == std::string_view::npos || !is_token(key))
            return refuse(fmt::format("{} has the header \"{}\"; expected NAME: VALUE", which, excerpt(line)));
        const auto value = trimmed(line.substr(colon + 1));
        if (key == "content-disposition") {
            if (std::exchange(named, true)) return refuse(fmt::format("{} has two Content-Dispositions", which));
            if (auto taken = take_disposition(part, value, which); !taken) return std::unexpected(taken.error());
        } else if (key == "content-type") {
            part.type = valid_utf8(value);
        } else if (key == "content-transfer-encoding") {
            const auto encoding = lowered(value);
            if (encoding != "binary" && encoding != "8bit" && encoding != "7bit")
                return refuse(fmt::format("{} has the Content-Transfer-Encoding \"{}\"; expected its bytes as they are",
                                          which, excerpt(value, 40)));
        }
    }
    if (!named) return refuse(fmt::format("{} has no Content-Disposition; expected form-data; name=\"…\"", which));
    part.body = text;
    return part;
}

struct Delimiter {
    std::size_t begin = 0;  // where the part before ends
    std::size_t end = 0;    // where the next one begins
    bool last = false;
};

// The next line that is a boundary and nothing else: what only begins like one is content.
std::optional<Delimiter> find_delimiter(std::string_view body, std::string_view dashed, std::size_t from) {
    for (auto at = from; (at = body.find(dashed, at)) != std::string_view::npos; ++at) {
        const bool begins_line = at == 0 || (at >= 2 && body.substr(at - 2, 2) == "\r\n");
        // The line break before it belongs to it, and cannot be that of the boundary before.
        if (!begins_line || (at != 0 && at - 2 < from)) continue;
        auto after = at + dashed.size();
        const bool last = body.substr(after, 2) == "--";
        if (last) after += 2;
        while (after < body.size() && is_blank(body[after])) ++after;
        if (body.substr(after, 2) == "\r\n" || (last && after == body.size()))
            return Delimiter{.begin = at == 0 ? 0 : at - 2, .end = std::min(after + 2, body.size()), .last = last};
    }
    return std::nullopt;
}

}  // namespace

Result<std::vector<FormPart>> parse_form(std::string_view content_type, std::string_view body,
                                         const FormLimits& limits) {
    const auto boundary = boundary_in(content_type);
    if (!boundary) return std::unexpected(boundary.error());
    const auto dashed = "--" + *boundary;
    auto delimiter = find_delimiter(body, dashed, 0);
    if (!delimiter) return refuse(fmt::format("the body does not have its boundary \"{}\"", excerpt(*boundary)));
    std::vector<FormPart> parts;
    while (!delimiter->last) {
        const auto which = fmt::format("part {} of the form", parts.size() + 1);
        if (parts.size() == limits.parts) return refuse(fmt::format("the form has more than {} parts", limits.parts));
        const auto begin = delimiter->end;
        delimiter = find_delimiter(body, dashed, begin);
        if (!delimiter) return refuse(fmt::format("the body ends in {}: its closing boundary is missing", which));
        auto part = read_part(body.substr(begin, delimiter->begin - begin), limits, which);
        if (!part) return std::unexpected(part.error());
        parts.push_back(std::move(*part));
    }
    return parts;
}

}  // namespace sarai::protocols
