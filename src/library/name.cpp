#include "library/name.hpp"

#include <algorithm>
#include <cstddef>
#include <vector>

#include "base/sha256.hpp"

namespace sarai::library {
namespace {

constexpr std::string_view implied_host = "registry.ollama.ai";
constexpr std::string_view implied_space = "library";
constexpr std::string_view implied_tag = "latest";
// Ollama's limits.
constexpr std::size_t longest_part = 80;
constexpr std::size_t longest_host = 350;

bool is_alphanumeric(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

// Begins with a letter, digit or underscore; after it some of ".-:" are allowed as well.
bool is_part(std::string_view text, std::string_view allowed, std::size_t longest = longest_part) {
    if (text.empty() || text.size() > longest || text.front() == '-' || text.front() == '.') return false;
    return std::ranges::all_of(
        text, [&](char c) { return is_alphanumeric(c) || c == '_' || allowed.find(c) != std::string_view::npos; });
}

}  // namespace

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    return result;
}

bool same(std::string_view a, std::string_view b) { return a.size() == b.size() && lower(a) == lower(b); }

Result<Name> Name::parse(std::string_view text) {
    for (const std::string_view scheme : {"https://", "http://"})
        if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
    Name name{.tag = std::string(implied_tag)};
    const auto slash = text.rfind('/');
    const auto colon = text.rfind(':');
    if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
        name.tag = text.substr(colon + 1);
        text = text.substr(0, colon);
    }
    std::vector<std::string_view> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const auto end = std::min(text.find('/', at), text.size());
        parts.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    name.model = parts.back();
    if (parts.size() > 1) name.space = parts[parts.size() - 2];
    if (parts.size() > 2) name.host = parts[parts.size() - 3];
    if (parts.size() > 3 || !is_part(name.model, ".-") || !is_part(name.tag, ".-") ||
        (parts.size() > 1 && !is_part(name.space, "-")) ||
        (parts.size() > 2 && !is_part(name.host, ".-:", longest_host)))
        return fail_field("model", "invalid model name");
    if (same(name.host, implied_host)) name.host.clear();
    if (name.host.empty() && same(name.space, implied_space)) name.space.clear();
    return name;
}

std::string Name::text() const {
    std::string result;
    if (!host.empty()) result += host + "/";
    if (!space.empty()) result += space + "/";
    return result + model + ":" + tag;
}

std::string Name::key() const { return lower(text()); }

Result<std::string> parse_digest(std::string_view text) {
    constexpr std::string_view algorithm = "sha256";
    if (text.size() == algorithm.size() + 1 + Sha256::hex_length && text.starts_with(algorithm) &&
        (text[algorithm.size()] == ':' || text[algorithm.size()] == '-'))
        if (const auto hex = lower(text.substr(algorithm.size() + 1)); is_sha256_hex(hex)) return "sha256:" + hex;
    return fail_field("digest", "invalid digest format");
}

}  // namespace sarai::library
