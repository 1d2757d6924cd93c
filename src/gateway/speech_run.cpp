#include "gateway/speech_run.hpp"

#include <string>
#include <utility>

#include "gateway/face.hpp"
#include "gateway/router_desk.hpp"
#include "protocols/openai.hpp"
#include "speech/speaker.hpp"
#include "speech/voices.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using protocols::speech::Call;

// Whose voice it is to be. The router's ear for languages is asked where the name does not say it.
Result<std::string> voice_for(const Call& call, const Shared& shared) {
    std::string language;
    if (!speech::is_own_voice(call.voice))
        language = shared.desk.language_of(llm::Request{
            .model = {}, .body = {{"messages", json::array{json::object{{"role", "user"}, {"content", call.input}}}}}});
    return speech::find_voice(call.voice, language, shared.config.speech.default_voice);
}

// Before the first byte an error has a status line. After it a stream of events has an event for it, and of a sound the
// connection ends without its proper end: half a sentence must not be taken for the whole.
asio::awaitable<void> refuse(net::Exchange& exchange, Caller& caller, const Call& call, const Error& error) {
    caller.status = http_status(error.code);
    if (!exchange.started()) {
        auto reply = error_reply(Protocol::openai, error);
        // The request is right; it is the machine that lacks a program.
        if (error.code == Code::unsupported) caller.status = reply.status = 501;
        co_return (void) co_await exchange.respond(std::move(reply));
    }
    if (!call.events) co_return exchange.abort();
    std::string out;
    protocols::openai::append_event(out, protocols::openai::encode_error(error));
    (void)co_await exchange.finish(out);
}

asio::awaitable<Result<void>> speak(net::Exchange& exchange, Caller& caller, const Call& call, const Shared& shared) {
    if (auto allowed = access::may_use(caller.visit.key(), protocols::speech::own_model); !allowed) co_return allowed;
    if (shared.speaker == nullptr) co_return fail(Code::unsupported, "nobody speaks here");
    auto voice = voice_for(call, shared);
    if (!voice) co_return std::unexpected(voice.error());
    caller.notes.emplace_back("voice", *voice);
    exchange.start(200, call.events ? "text/event-stream" : protocols::speech::media_type(call.format),
                   {{"x-sarai-model", std::string(protocols::speech::own_model)},
                    {"x-sarai-voice", *voice},
                    {"Cache-Control", "no-cache"},
                    {"X-Accel-Buffering", "no"}});
    const auto send = [&](std::string bytes) -> asio::awaitable<Result<void>> {
        if (!call.events) co_return co_await exchange.write(bytes);
        std::string out;
        protocols::speech::append_delta(out, bytes);
        co_return co_await exchange.write(out);
    };
    auto spoken = co_await shared.speaker->speak(
        {.text = call.input, .voice = std::move(*voice), .speed = call.speed, .format = call.format}, send);
    if (!spoken) co_return spoken;
    std::string out;
    if (call.events) protocols::speech::append_done(out);
    co_return co_await exchange.finish(out);
}

asio::awaitable<void> go(net::Exchange& exchange, Caller& caller, const Call& call, const Shared& shared,
                         bool& complete) {
    if (auto spoken = co_await speak(exchange, caller, call, shared); !spoken)
        co_await refuse(exchange, caller, call, spoken.error());
    complete = true;
}

}  // namespace

asio::awaitable<void> answer_speech(net::Exchange& exchange, Caller& caller, Call call, Shared shared) {
    bool complete = false;
    if (!co_await exchange.while_connected(go(exchange, caller, call, shared, complete)) || complete) co_return;
    caller.status = 499;
    exchange.abort();
}

}  // namespace sarai::gateway
