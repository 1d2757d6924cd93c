#include "web/searxng.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "base/utf8.hpp"
#include "net/url.hpp"
#include "protocols/json.hpp"

namespace sarai::web {
namespace {

namespace json = boost::json;

constexpr std::string_view allow_json = "SearXNG has to allow JSON: search.formats: [html, json] in its settings.yml.";
constexpr std::size_t longest_url = 2000;
constexpr std::string_view to_escape = R"( "<>\^`{|})";  // that people write and no URL has

std::string text_at(const json::object& object, std::string_view key, std::size_t most) {
    auto text = protocols::excerpt(valid_utf8(protocols::string_at(object, key)), most);
    // It reaches prompts, answers and terminals.
    std::ranges::replace_if(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; }, ' ');
    return text;
}

// Addresses in other scripts are common; as they go over the wire they are ASCII. Empty for what is no address: line
// ends or control characters in it would reach prompts and answers.
std::string address_at(const json::object& object) {
    std::string url;
    for (const unsigned char c : protocols::string_at(object, "url"))
        url += c < 0x80 && !to_escape.contains(static_cast<char>(c)) ? std::string(1, static_cast<char>(c))
                                                                     : fmt::format("%{:02X}", c);
    if (url.size() > longest_url || !net::parse_url(url)) return {};
    return url;
}

// "unresponsive_engines": [["duckduckgo", "timeout"], …]
std::vector<std::string> silent_engines(const json::object& answer) {
    std::vector<std::string> names;
    if (const auto* all = protocols::array_at(answer, "unresponsive_engines"))
        for (const auto& one : *all)
            if (one.is_array() && !one.get_array().empty() && one.get_array().front().is_string() && names.size() < 5)
                names.push_back(protocols::excerpt(std::string_view(one.get_array().front().get_string()), 40));
    return names;
}

}  // namespace

std::string searxng_target(std::string_view question, std::string_view language) {
    return fmt::format("/search?q={}&format=json&language={}",
                       boost::urls::encode(question, boost::urls::unreserved_chars),
                       language == "es" || language == "en" ? language : "all");
}

Result<std::vector<Hit>> read_reply(unsigned status, std::string_view body, std::size_t most) {
    if (status == 200) return read_searxng(body, most);
    return fail(Code::upstream, fmt::format("the search engine answered {}", status),
                status == 403 ? std::string(allow_json) : "");
}

Result<std::vector<Hit>> read_searxng(std::string_view body, std::size_t most) {
    const auto parsed = protocols::parse_json(body);
    if (!parsed || !parsed->is_object())
        return fail(Code::upstream, "the search engine answered something else than JSON", std::string(allow_json));
    const auto& answer = parsed->get_object();
    const auto* results = protocols::array_at(answer, "results");
    if (results == nullptr) return fail(Code::upstream, "the search engine's answer has no \"results\"");
    std::vector<Hit> hits;
    for (const auto& entry : *results) {
        if (hits.size() == most) break;
        if (!entry.is_object()) continue;
        const auto& one = entry.get_object();
        auto url = address_at(one);
        if (url.empty() || std::ranges::contains(hits, url, &Hit::url)) continue;
        hits.push_back({.url = std::move(url),
                        .title = text_at(one, "title", 200),
                        .snippet = text_at(one, "content", 2000),
                        .published = text_at(one, "publishedDate", 40)});
    }
    if (hits.empty())
        if (const auto silent = silent_engines(answer); !silent.empty())
            return fail(Code::unavailable,
                        fmt::format("none of the search engine's sources answered ({})", fmt::join(silent, ", ")));
    return hits;
}

}  // namespace sarai::web
