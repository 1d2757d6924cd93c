// OpenAI's API for speech.
#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/speech_run.hpp"
#include "gateway/transcription_run.hpp"
#include "protocols/speech.hpp"
#include "protocols/transcription.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;

asio::awaitable<void> Gateway::hear(net::Exchange& exchange, Caller& caller, bool translate) {
    const auto& request = exchange.request();
    auto call =
        protocols::transcription::decode_call(request[net::http::field::content_type], request.body(), translate);
    if (!call) co_return co_await refuse_with(exchange, Protocol::openai, call.error());
    co_await answer_transcription(exchange, caller, std::move(*call), shared_);
}

asio::awaitable<void> Gateway::speech(net::Exchange& exchange, Caller& caller) {
    auto call = protocols::speech::decode_call(exchange.request().body(),
                                               static_cast<std::size_t>(shared_.config.speech.max_input));
    if (!call) co_return co_await refuse_with(exchange, Protocol::openai, call.error());
    co_await answer_speech(exchange, caller, std::move(*call), shared_);
}

asio::awaitable<void> Gateway::transcriptions(net::Exchange& e, Caller& c) { co_await hear(e, c, false); }
asio::awaitable<void> Gateway::translations(net::Exchange& e, Caller& c) { co_await hear(e, c, true); }

}  // namespace sarai::gateway
