#include "net/follow.hpp"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <boost/beast/core/string.hpp>

#include "net/url.hpp"

namespace sarai::net {
namespace {

constexpr int most_redirects = 5;

bool is_redirect(unsigned status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::unexpected<Error> not_followed(const Origin& from, std::string_view why) {
    return fail(Code::upstream, fmt::format("a redirect of {} is not followed: {}", from.name(), why));
}

bool same_origin(const Origin& a, const Origin& b) { return a.transport == b.transport && a.name() == b.name(); }

}  // namespace

asio::awaitable<Result<Followed>> open_url(std::string url, ClientRequest request, Budgets budgets) {
    auto at = parse_url(url);
    if (!at) co_return std::unexpected(at.error());
    for (int redirects = 0;; ++redirects) {
        request.target = at->target;
        Followed followed{.client = std::make_unique<Client>(co_await asio::this_coro::executor, at->origin)};
        auto body = co_await followed.client->open(request, budgets);
        if (!body) co_return std::unexpected(body.error());
        followed.body = std::move(*body);
        const auto location = followed.body->headers()[http::field::location];
        if (!is_redirect(followed.body->status()) || location.empty()) co_return followed;

        if (redirects == most_redirects) co_return not_followed(at->origin, "there were five before it");
        auto next_url = resolve_url(url, location);
        auto next = next_url ? parse_url(*next_url) : std::unexpected(next_url.error());
        if (!next) co_return not_followed(at->origin, next.error().message);
        if (at->origin.transport == Origin::Transport::tls && next->origin.transport != Origin::Transport::tls)
            co_return not_followed(at->origin, "it leads from https to http");
        if (!same_origin(at->origin, next->origin))
            std::erase_if(request.headers,
                          [](const auto& header) { return boost::beast::iequals(header.first, "Authorization"); });
        url = std::move(*next_url);
        at = std::move(next);
    }
}

}  // namespace sarai::net
