#include "gateway/endpoints.hpp"

#include <fmt/format.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

namespace sarai::gateway {
namespace json = boost::json;

net::Reply json_reply(const json::object& body) { return {.body = json::serialize(body)}; }

boost::asio::awaitable<void> refuse_with(net::Exchange& exchange, Protocol protocol, Error error) {
    (void)co_await exchange.respond(error_reply(protocol, error));
}

Result<std::string> model_named_in(std::string_view body) {
    constexpr auto longest = KiB(64);
    if (std::cmp_greater(body.size(), longest.count))
        return fail(Code::too_large,
                    fmt::format("the body is {} long; expected a model's name and at most {}",
                                to_string(Bytes{static_cast<std::int64_t>(body.size())}), to_string(longest)));
    boost::system::error_code ec;
    const auto parsed = json::parse(body, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    const auto* name = object == nullptr ? nullptr : object->if_contains("model");
    if (name == nullptr && object != nullptr) name = object->if_contains("name");
    if (name == nullptr || !name->is_string() || name->get_string().empty())
        return std::unexpected(Error{.code = Code::invalid_argument, .message = "model is required", .field = "model"});
    return std::string(name->get_string());
}

Result<bool> flag_in(std::string_view body, std::string_view name) {
    boost::system::error_code ec;
    const auto parsed = json::parse(body, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    const auto* flag = object == nullptr ? nullptr : object->if_contains(name);
    if (flag == nullptr) return false;
    if (flag->is_bool()) return flag->get_bool();
    return fail_field(std::string(name),
                      fmt::format("'{}' is {}; expected true or false", name, json::serialize(*flag).substr(0, 40)));
}

}  // namespace sarai::gateway
