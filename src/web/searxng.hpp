// SearXNG's search API (docs.searxng.org/dev/search_api.html), as far as it is used. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sarai::web {

struct Hit {
    std::string url;
    std::string title;
    std::string snippet;    // what the search engine quotes; may be empty
    std::string published;  // as the engine says it; may be empty
    bool operator==(const Hit&) const = default;
};

// "/search?q=…&format=json&language=es". `language`: "es", "en" or anything else, which asks for all.
[[nodiscard]] std::string searxng_target(std::string_view question, std::string_view language);

// Best first, each URL once, at most `most`. Errors: upstream (no JSON, no results' list); unavailable where the engine
// has no results and says that none of its sources answered.
[[nodiscard]] Result<std::vector<Hit>> read_searxng(std::string_view body, std::size_t most);

// The same of a whole answer. Errors: also upstream for a status that is not 200.
[[nodiscard]] Result<std::vector<Hit>> read_reply(unsigned status, std::string_view body, std::size_t most);

}  // namespace sarai::web
