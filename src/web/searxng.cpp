#include "web/searxng.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/url/encode.hpp>
#include <boost/url/rfc/unreserved_chars.hpp>

#include "base/utf8.hpp"
#include "protocols/json.hpp"

namespace sarai::web {
namespace {

namespace json = boost::json;

std::string text_at(const json::object& object, std::string_view key, std::size_t most) {
    return protocols::excerpt(valid_utf8(protocols::string_at(object, key)), most);
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

Result<std::vector<Hit>> read_searxng(std::string_view body, std::size_t most) {
    const auto parsed = protocols::parse_json(body);
    if (!parsed || !parsed->is_object())
        return fail(Code::upstream, "the search engine answered something else than JSON",
                    "SearXNG has to allow it: search.formats: [html, json] in its settings.yml.");
    const auto& answer = parsed->get_object();
    const auto* results = protocols::array_at(answer, "results");
    if (results == nullptr) return fail(Code::upstream, "the search engine's answer has no \"results\"");
    std::vector<Hit> hits;
    for (const auto& entry : *results) {
        if (hits.size() == most) break;
        if (!entry.is_object()) continue;
        const auto& one = entry.get_object();
        const auto url = protocols::string_at(one, "url");
        const bool web = url.starts_with("http://") || url.starts_with("https://");
        if (!web || url.size() > 2000 || std::ranges::contains(hits, url, &Hit::url)) continue;
        hits.push_back({.url = std::string(url),
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
