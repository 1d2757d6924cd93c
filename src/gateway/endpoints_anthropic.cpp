// Anthropic's Messages API.
#include <boost/json/serialize.hpp>

#include "gateway/anthropic_face.hpp"
#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "protocols/anthropic.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;

namespace {

// The answer to a count, which is never streamed.
class CountFace final : public Face {
public:
    std::string reply(const json::object& reply) override {
        return json::serialize(json::object{{"input_tokens", reply.at("tokens")}});
    }
    std::string_view stream_type() const override { return "application/json"; }
    void event(const llm::StreamEvent& /*event*/, std::string& /*out*/) override {}
    void end(std::string& /*out*/) override {}
    void heartbeat(std::string_view /*what*/, std::string& /*out*/) override {}
    void stream_error(const Error& /*error*/, std::string& /*out*/) override {}
};

}  // namespace

asio::awaitable<void> Gateway::messages(net::Exchange& exchange, Caller& caller) {
    exchange.add_header("request-id", caller.id);  // where its clients look for it
    auto request = protocols::anthropic::decode_request(exchange.request().body());
    if (!request) co_return co_await refuse_with(exchange, Protocol::anthropic, request.error());
    if (auto chosen = choose(exchange, caller, *request); !chosen)
        co_return co_await refuse_with(exchange, Protocol::anthropic, chosen.error());
    const auto face =
        make_anthropic_face(request->model, std::string(protocols::anthropic::prefill_of(*request)), caller.id);
    co_await answer(exchange, caller, std::move(*request), *face, Protocol::anthropic, shared_);
}

asio::awaitable<void> Gateway::count_tokens(net::Exchange& exchange, Caller& caller) {
    exchange.add_header("request-id", caller.id);
    auto request = protocols::anthropic::decode_count_request(exchange.request().body());
    if (!request) co_return co_await refuse_with(exchange, Protocol::anthropic, request.error());
    request->task = llm::Task::count;
    request->stream = false;
    if (auto chosen = choose(exchange, caller, *request); !chosen)
        co_return co_await refuse_with(exchange, Protocol::anthropic, chosen.error());
    CountFace face;
    co_await answer(exchange, caller, std::move(*request), face, Protocol::anthropic, shared_);
}

}  // namespace sarai::gateway
