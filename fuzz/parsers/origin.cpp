// The headers Host (first line) and Origin (second), which decide whether a web page of somebody else's has sent a
// request. A stranger's name is never ours, and no page is ours whose host is not the one it calls.
#include "access/origin.hpp"

#include <algorithm>

#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {

void origin(Input input) {
    static const config::Access access{.cors_origins = {"https://friend.example"}, .allowed_hosts = {"known.example"}};
    const auto host = input.line();
    const auto origin = input.line();
    if (access::is_our_host(host, "box", access)) {
        // An address has digits, colons and brackets only, or letters a to f in brackets.
        const bool named = std::ranges::any_of(host, [](char c) { return c > 'f' && c <= 'z'; });
        auto lower = std::string(host);
        std::ranges::transform(lower, lower.begin(),
                               [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        require(!named || lower.contains("localhost") || lower.starts_with("box") || lower.contains("known.example"),
                "a name that is ours is one of ours");
    }
    const auto judged = access::judge_origin(origin, host, access);
    if (judged == access::Origin::none && !origin.empty())
        require(origin.size() == origin.find("://") + 3 + host.size(), "a page of our own names our host alone");
    if (judged == access::Origin::allowed)
        require(origin.size() == std::string_view("https://friend.example").size(), "only a friend may call");
}

}  // namespace sarai::fuzz
