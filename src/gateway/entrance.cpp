#include "gateway/entrance.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <boost/beast/core/string.hpp>

#include "access/origin.hpp"
#include "base/utf8.hpp"

namespace sarai::gateway {
namespace {

std::string name_of_machine() {
    std::array<char, 256> name{};
    return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

std::string_view header(const net::Exchange& exchange, std::string_view name) { return exchange.request()[name]; }

std::string quoted(std::string_view text) { return fmt::format("\"{}\"", valid_utf8(text.substr(0, 100))); }

Error foreign_page(std::string_view origin) {
    return {.code = Code::forbidden,
            .message = fmt::format("a page of {} may not call this server", quoted(origin)),
            .hint = "Name its origin in access.cors_origins to allow it.",
            .field = "Origin"};
}

// What a page of another site makes a browser fetch without saying from where: pictures, scripts, frames. Browsers say
// that much of themselves (Sec-Fetch-*, see the W3C's Fetch Metadata). Who follows a link to our page is welcome.
bool embedded_elsewhere(const net::Exchange& exchange) {
    const auto site = header(exchange, "sec-fetch-site");
    if (site != "cross-site" && site != "same-site") return false;
    return header(exchange, "origin").empty() &&
           (header(exchange, "sec-fetch-mode") != "navigate" || header(exchange, "sec-fetch-dest") != "document");
}

// In OpenAI's spelling: "6s", "120ms".
std::string duration_text(std::chrono::milliseconds time) {
    return time.count() % 1000 == 0 ? fmt::format("{}s", time.count() / 1000) : fmt::format("{}ms", time.count());
}

void add_allowance(net::Exchange& exchange, std::string_view what, const access::Allowance& left) {
    if (left.limit == 0) return;
    exchange.add_header(fmt::format("x-ratelimit-limit-{}", what), std::to_string(left.limit));
    exchange.add_header(fmt::format("x-ratelimit-remaining-{}", what), std::to_string(left.remaining));
    exchange.add_header(fmt::format("x-ratelimit-reset-{}", what), duration_text(left.reset));
}

}  // namespace

std::string_view presented_key(const net::Exchange& exchange) {
    const auto bearer = header(exchange, "authorization");
    constexpr std::string_view scheme = "Bearer ";
    if (bearer.size() > scheme.size() && boost::beast::iequals(bearer.substr(0, scheme.size()), scheme)) {
        auto key = bearer.substr(scheme.size());
        while (key.starts_with(' ')) key.remove_prefix(1);
        return key;
    }
    return header(exchange, "x-api-key");
}

Entrance::Entrance(const config::Config& config)
    : config_(config), machine_(name_of_machine()), keyring_(config.access) {}

std::optional<Result<net::Reply>> Entrance::preflight(const net::Exchange& exchange) const {
    const auto origin = header(exchange, "origin");
    if (exchange.request().method() != net::http::verb::options || origin.empty()) return std::nullopt;
    const auto wanted = header(exchange, "access-control-request-method");
    if (wanted.empty()) return std::nullopt;
    if (access::judge_origin(origin, header(exchange, "host"), config_.access) == access::Origin::foreign)
        return std::unexpected(foreign_page(origin));
    net::Reply reply{.status = 204};
    reply.headers = {{"Access-Control-Allow-Origin", std::string(origin)},
                     {"Access-Control-Allow-Methods", "GET, HEAD, POST, DELETE, OPTIONS"},
                     {"Access-Control-Max-Age", "600"},
                     {"Vary", "Origin"}};
    if (const auto headers = header(exchange, "access-control-request-headers"); !headers.empty())
        reply.headers.emplace_back("Access-Control-Allow-Headers", std::string(headers));
    return reply;
}

Result<void> Entrance::check_page(const net::Exchange& exchange, bool has_key) const {
    const auto origin = header(exchange, "origin");
    const auto host = header(exchange, "host");
    if (access::judge_origin(origin, host, config_.access) == access::Origin::foreign)
        return std::unexpected(foreign_page(origin));
    if (!has_key && embedded_elsewhere(exchange))
        return std::unexpected(Error{.code = Code::forbidden,
                                     .message = "a page of another site may not embed what this server answers",
                                     .field = "Sec-Fetch-Site"});
    // Who has a key did not come by a name that somebody else let point to us.
    if (has_key || access::is_our_host(host, machine_, config_.access)) return {};
    if (host.empty() && exchange.request().version() < 11) return {};
    return std::unexpected(Error{.code = Code::forbidden,
                                 .message = fmt::format("this server is not known by the name {}", quoted(host)),
                                 .hint = "Name it in access.allowed_hosts to allow it.",
                                 .field = "Host"});
}

Result<void> Entrance::knock(const net::Exchange& exchange) const {
    const auto key = keyring_.who(presented_key(exchange));
    if (auto page = check_page(exchange, key && *key != nullptr); !page) return page;
    if (!key) return std::unexpected(key.error());
    return {};
}

Result<void> Entrance::admit(net::Exchange& exchange, Need need, Caller& caller) {
    exchange.add_header("x-request-id", caller.id);
    const auto key = keyring_.who(presented_key(exchange));
    if (auto page = check_page(exchange, key && *key != nullptr); !page) return page;
    const auto origin = header(exchange, "origin");
    if (access::judge_origin(origin, header(exchange, "host"), config_.access) == access::Origin::allowed) {
        exchange.add_header("Access-Control-Allow-Origin", std::string(origin));
        exchange.add_header("Access-Control-Expose-Headers", "*");
        exchange.add_header("Vary", "Origin");
    }
    if (need == Need::nothing) return {};
    if (!key) return std::unexpected(key.error());
    if (*key != nullptr) caller.name = (*key)->name;
    if (need == Need::manage) return access::may_manage(*key);
    if (need == Need::watch && *key != nullptr && !(*key)->admin && !(*key)->models.empty())
        return fail(Code::forbidden, fmt::format("the key of '{}' may not see all models", caller.name));
    if (need == Need::look || need == Need::watch) {
        caller.visit = access::Visit(*key, nullptr);
        return {};
    }
    const auto now = std::chrono::steady_clock::now();
    auto visit = keyring_.enter(*key, now);
    if (*key != nullptr) {
        const auto left = keyring_.left(**key, now);
        add_allowance(exchange, "requests", left.requests);
        add_allowance(exchange, "tokens", left.tokens);
    }
    if (!visit) return std::unexpected(visit.error());
    caller.visit = std::move(*visit);
    return {};
}

}  // namespace sarai::gateway
