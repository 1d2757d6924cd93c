#include "media/fetcher.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/string.hpp>
#include <charconv>
#include <memory>
#include <utility>

#include "media/deadline.hpp"
#include "media/guard.hpp"
#include "protocols/json.hpp"

namespace sarai::media {

using std::chrono::milliseconds;

struct Fetcher::Hop {
    Fetched page;
    std::string next;  // where to look instead; empty: this is it
};

namespace {

namespace http = net::http;

IpAddress address_of(const asio::ip::address& from) {
    IpAddress address;
    const auto v6 = from.is_v4() ? asio::ip::make_address_v6(asio::ip::v4_mapped, from.to_v4()) : from.to_v6();
    address.bytes = v6.to_bytes();
    return address;
}

asio::awaitable<Result<std::vector<IpAddress>>> ask_system(std::string host, milliseconds budget) {
    asio::ip::tcp::resolver resolver(co_await asio::this_coro::executor);
    auto [ec, found] =
        co_await resolver.async_resolve(host, "", asio::cancel_after(budget, asio::as_tuple(asio::use_awaitable)));
    if (ec) co_return fail(Code::unavailable, fmt::format("cannot resolve {}", host), ec);
    std::vector<IpAddress> addresses;
    for (const auto& entry : found) {
        const auto address = address_of(entry.endpoint().address());
        if (!std::ranges::contains(addresses, address)) addresses.push_back(address);
    }
    co_return addresses;
}

bool is_localhost(std::string_view host) {
    using boost::beast::iequals;
    constexpr std::string_view name = "localhost";
    return host.size() >= name.size() && iequals(host.substr(host.size() - name.size()), name) &&
           (host.size() == name.size() || host[host.size() - name.size() - 1] == '.');
}

std::string_view header(const net::BodyStream& answer, http::field name) {
    const auto value = answer.headers()[name];
    return {value.data(), value.size()};
}

std::string type_of(const net::BodyStream& answer) {
    auto type = header(answer, http::field::content_type);
    type = type.substr(0, type.find(';'));
    while (type.ends_with(' ')) type.remove_suffix(1);
    std::string text(type);
    std::ranges::transform(text, text.begin(), [](unsigned char c) { return std::tolower(c); });
    return text;
}

bool is_redirect(unsigned status) {
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

std::unexpected<Error> larger(std::string_view size, Bytes most) {
    return fail(Code::too_large, fmt::format("it has {}; expected at most {}", size, to_string(most)));
}

struct Opened {
    std::unique_ptr<net::Client> client;  // before the body, which it outlives
    std::unique_ptr<net::BodyStream> body;
};

// To one of the addresses after the other, all of which were checked.
asio::awaitable<Result<Opened>> connect(const net::Url& url, const std::vector<IpAddress>& addresses,
                                        const Deadline& deadline) {
    Result<Opened> opened = fail(Code::unavailable, "it has no address");
    for (const auto& address : addresses) {
        if (deadline.over()) co_return deadline.late();
        auto origin = url.origin;
        origin.address = to_string(address);
        auto client = std::make_unique<net::Client>(co_await asio::this_coro::executor, std::move(origin));
        // One that does not answer leaves time for the next.
        const auto share = deadline.left() / (addresses.size() > 1 ? 2 : 1);
        auto body = co_await client->open(
            {.target = url.target}, {.connect = share, .first_byte = deadline.left(), .silence = deadline.left()});
        if (body) {
            opened = Opened{.client = std::move(client), .body = std::move(*body)};
            break;
        }
        opened = std::unexpected(body.error());
        if (!body.error().unsent) break;
    }
    co_return opened;
}

asio::awaitable<Result<std::string>> read_all(net::BodyStream& body, Bytes most, const Deadline& deadline) {
    std::size_t length = 0;
    const auto said = header(body, http::field::content_length);
    std::from_chars(said.data(), said.data() + said.size(), length);
    if (std::cmp_greater(length, most.count))
        co_return larger(to_string(Bytes{static_cast<std::int64_t>(length)}), most);
    std::string bytes;
    bytes.reserve(length);
    for (;;) {
        if (deadline.over()) co_return deadline.late();
        body.set_silence(deadline.left());
        const auto part = co_await body.read_some();
        if (!part) co_return std::unexpected(part.error());
        if (part->empty()) co_return bytes;
        if (std::cmp_greater(bytes.size() + part->size(), most.count)) co_return larger("more than it may", most);
        bytes += *part;
    }
}

Result<void> check_type(const net::BodyStream& body, const FetchWish& wish) {
    if (const auto coding = header(body, http::field::content_encoding); !coding.empty() && coding != "identity")
        return fail(Code::invalid_argument, fmt::format("it comes as {}; expected it uncompressed, as asked for",
                                                        protocols::excerpt(coding, 40)));
    const auto type = type_of(body);
    const bool fits = wish.types.empty() || type.empty() || type.ends_with("/octet-stream") ||
                      std::ranges::any_of(wish.types, [&](const auto& start) { return type.starts_with(start); });
    if (fits) return {};
    return fail(Code::invalid_argument,
                fmt::format("it is {}; expected {}", protocols::excerpt(type, 60), fmt::join(wish.types, ", ")));
}

// Of which hop, and as the client's fault, who has chosen the URL.
Error explained(Error error, std::string_view url, int redirects, const Deadline& deadline) {
    if (error.code == Code::cancelled) return error;
    if (error.code == Code::timeout) error.message = deadline.late().error().message;
    if (error.code != Code::too_large) error.code = Code::invalid_argument;
    error.message = redirects == 0 ? fmt::format("\"{}\" cannot be fetched: {}", protocols::excerpt(url), error.message)
                                   : fmt::format("redirect {}, to \"{}\", is not followed: {}", redirects,
                                                 protocols::excerpt(url), error.message);
    error.unsent = false;
    return error;
}

}  // namespace

Fetcher::Fetcher(const config::Media& settings, Resolve resolve)
    : settings_(settings), resolve_(resolve ? std::move(resolve) : Resolve(ask_system)) {}

asio::awaitable<Result<std::vector<IpAddress>>> Fetcher::addresses_of(std::string host, milliseconds budget) const {
    if (const auto literal = IpAddress::parse(host)) co_return std::vector{*literal};
    // This machine, whatever a resolver says (RFC 6761, 6.3).
    if (is_localhost(host)) co_return std::vector{IpAddress::parse("127.0.0.1").value()};
    auto found = co_await resolve_(host, budget);
    if (found && !found->empty()) co_return found;
    if (!found && found.error().code == Code::cancelled) co_return found;
    co_return fail(Code::invalid_argument, fmt::format("the host \"{}\" has no address", protocols::excerpt(host, 80)));
}

// One hop: a page, or where it is said to be instead.
asio::awaitable<Result<Fetcher::Hop>> Fetcher::take(std::string url, const FetchWish& wish, const AllowList& allowed,
                                                    Deadline deadline) const {
    const auto at = guard_url(url, allowed);
    if (!at) co_return std::unexpected(at.error());
    const auto addresses = co_await addresses_of(at->origin.host, deadline.left());
    if (deadline.over()) co_return deadline.late();
    if (!addresses) co_return std::unexpected(addresses.error());
    for (const auto& address : *addresses)
        if (auto guarded = guard_address(address, at->origin.host, allowed); !guarded)
            co_return std::unexpected(guarded.error());
    auto opened = co_await connect(*at, *addresses, deadline);
    if (!opened) co_return std::unexpected(opened.error());
    auto& body = *opened->body;
    if (const auto location = header(body, http::field::location); is_redirect(body.status()) && !location.empty()) {
        auto next = net::resolve_url(url, location);
        if (!next) co_return std::unexpected(next.error());
        if (at->origin.transport == net::Origin::Transport::tls && !next->starts_with("https:"))
            co_return fail(Code::invalid_argument, "it leads from https to http");
        co_return Hop{.next = std::move(*next)};
    }
    if (body.status() != 200)
        co_return fail(Code::invalid_argument, fmt::format("the server answered {}", body.status()));
    if (auto fits = check_type(body, wish); !fits) co_return std::unexpected(fits.error());
    auto bytes = co_await read_all(body, wish.max_bytes, deadline);
    if (!bytes) co_return std::unexpected(bytes.error());
    co_return Hop{.page = {.bytes = std::move(*bytes), .content_type = type_of(body), .url = std::move(url)}};
}

asio::awaitable<Result<Fetched>> Fetcher::fetch(std::string url, FetchWish wish) const {
    if (!settings_.fetch)
        co_return fail(Code::unsupported, "URLs are not fetched here (media.fetch is false)",
                       "Send it in the request, as a data: URL.");
    // The settings of this moment: a reload in the middle changes nothing for this one.
    const AllowList allowed(settings_.allow);
    if (wish.max_bytes.count <= 0) wish.max_bytes = settings_.max_bytes;
    const auto most_redirects = settings_.max_redirects;
    const Deadline deadline(settings_.timeout);
    for (int redirects = 0;; ++redirects) {
        auto hop = redirects > most_redirects
                       ? Result<Hop>(fail(
                             Code::invalid_argument,
                             fmt::format("there were {} redirects before it (media.max_redirects)", most_redirects)))
                       : co_await take(url, wish, allowed, deadline);
        if (!hop) co_return std::unexpected(explained(std::move(hop.error()), url, redirects, deadline));
        if (hop->next.empty()) {
            hop->page.redirects = redirects;
            co_return std::move(hop->page);
        }
        url = std::move(hop->next);
    }
}

}  // namespace sarai::media
