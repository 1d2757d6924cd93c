#include "gateway/ask.hpp"

#include <fmt/format.h>

#include <boost/beast/core/string.hpp>
#include <functional>
#include <random>

#include "config/values.hpp"
#include "gateway/entrance.hpp"

namespace sarai::gateway {
namespace {

std::unexpected<Error> wrong(std::string_view header, std::string_view value, std::string_view expected) {
    return fail_field(std::string(header),
                      fmt::format("the header {} is \"{}\"; expected {}", header, value.substr(0, 40), expected));
}

// Only compared, never shown: of a key no more than a hash is kept.
std::string client_of(const net::Exchange& exchange, std::string_view name) {
    if (!name.empty()) return fmt::format("name {}", name);
    if (const auto key = presented_key(exchange); !key.empty())
        return fmt::format("key {:x}", std::hash<std::string_view>{}(key));
    return exchange.peer();
}

// Another one at each start: what matters is whether it is this very server.
std::string_view own_hop() {
    static const std::string name = [] {
        std::random_device random;
        return fmt::format("sarai-{:08x}{:08x}", random(), random());
    }();
    return name;
}

}  // namespace

Result<std::string> via_of(const net::Exchange& exchange, std::string_view model) {
    constexpr std::size_t most = 4096;  // of what others have written
    const std::string_view via = exchange.request()["via"];
    if (via.contains(own_hop()))
        return std::unexpected(Error{
            .code = Code::unavailable,
            .message = fmt::format("the request for model '{}' has come back to the server that passed it on: one "
                                   "of its endpoints leads here again",
                                   model),
            .hint = "See models.*.endpoints[].url, here and on the servers that it names."});
    return via.empty() || via.size() > most ? fmt::format("1.1 {}", own_hop())
                                            : fmt::format("{}, 1.1 {}", via, own_hop());
}

Result<pool::Ask> ask_of(const net::Exchange& exchange, std::string_view key) {
    pool::Ask ask{.client = client_of(exchange, key)};
    const auto header = [&](const char* name) { return std::string_view(exchange.request()[name]); };
    if (const auto priority = header("x-sarai-priority"); !priority.empty()) {
        if (boost::beast::iequals(priority, "high"))
            ask.urgency = pool::Urgency::high;
        else if (boost::beast::iequals(priority, "low"))
            ask.urgency = pool::Urgency::low;
        else if (!boost::beast::iequals(priority, "normal"))
            return wrong("x-sarai-priority", priority, "high, normal or low");
    }
    if (const auto wait = header("x-sarai-max-wait"); !wait.empty()) {
        const auto duration = config::parse_duration(wait);
        if (!duration || duration->count() <= 0)
            return wrong("x-sarai-max-wait", wait, "a duration such as 500ms, 30s or 5m");
        ask.patience = *duration;
    }
    if (const auto wish = header("x-sarai-failover");
        !wish.empty() && !boost::beast::iequals(wish, "off") && !boost::beast::iequals(wish, "on"))
        return wrong("x-sarai-failover", wish, "off or on");
    return ask;
}

bool may_fail_over(const net::Exchange& exchange) {
    const std::string_view wish = exchange.request()["x-sarai-failover"];
    return !boost::beast::iequals(wish, "off");
}

}  // namespace sarai::gateway
