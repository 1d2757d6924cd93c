#include "cli/chat.hpp"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "cli/server.hpp"
#include "llm/types.hpp"
#include "net/framing.hpp"
#include "protocols/openai.hpp"

namespace sarai::cli {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace asio::experimental::awaitable_operators;
using std::chrono::minutes;

// Loading a large model takes its time, and so does a long prompt; Ctrl-C is always there.
constexpr net::Budgets patience{.first_byte = minutes(15), .silence = minutes(5)};

std::string_view thought_of(const llm::StreamEvent& event) {
    const auto* choices = event.chunk().if_contains("choices");
    if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return {};
    const auto* choice = choices->get_array().front().if_object();
    const auto* delta = choice == nullptr ? nullptr : choice->if_contains("delta");
    const auto* text =
        delta == nullptr || !delta->is_object() ? nullptr : delta->get_object().if_contains("reasoning_content");
    return text != nullptr && text->is_string() ? std::string_view(text->get_string()) : std::string_view();
}

json::array list(const std::vector<Message>& messages) {
    json::array made;
    for (const auto& message : messages) made.push_back({{"role", message.role}, {"content", message.text}});
    return made;
}

// Exit status 3 says that no server was reached. One that was reached and then failed is a failure like any other.
Error broken(Error error) {
    if (error.code == Code::unavailable || error.code == Code::timeout) error.code = Code::upstream;
    return error;
}

// Keeps the question only if something came of it, on every way out, that of an interruption included.
struct Turn {
    std::vector<Message>& messages;
    std::string answer = {};

    ~Turn() {
        if (answer.empty()) {
            messages.pop_back();
        } else {
            messages.push_back({"assistant", std::move(answer)});
        }
    }
};

}  // namespace

std::string loading_text(std::string_view status, std::string_view model) {
    boost::system::error_code ec;
    const auto parsed = json::parse(status, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    const auto* rows = object == nullptr ? nullptr : object->if_contains("models");
    if (rows == nullptr || !rows->is_array()) return {};
    for (const auto& entry : rows->get_array()) {
        const auto* row = entry.if_object();
        if (row == nullptr || !row->contains("name") || row->at("name") != json::value(model)) continue;
        const auto* share = row->if_contains("progress");
        if (share != nullptr && share->is_double())
            return fmt::format("loading {}: {:.0f} %", model, share->get_double() * 100);
    }
    return fmt::format("waiting for {}", model);
}

std::string chat_request(std::string_view model, const std::vector<Message>& messages) {
    return json::serialize(json::object{{"model", model}, {"messages", list(messages)}, {"stream", true}});
}

Conversation::Conversation(asio::io_context& io, net::Origin origin, std::string model)
    : client_(io.get_executor(), origin),
      status_client_(io.get_executor(), std::move(origin)),
      model_(std::move(model)) {}

// Never ends by itself: runs beside the wait for the answer and is cancelled with it. Then it returns instead of
// throwing: where both sides of `||` throw, what comes out is no longer a cancellation.
asio::awaitable<void> Conversation::report_loading(const ChatSink& sink) {
    co_await asio::this_coro::throw_if_cancelled(false);
    const auto state = co_await asio::this_coro::cancellation_state;
    asio::steady_timer pause(co_await asio::this_coro::executor);
    while (state.cancelled() == asio::cancellation_type::none) {
        pause.expires_after(std::chrono::seconds(1));
        co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
        if (state.cancelled() != asio::cancellation_type::none) co_return;
        const auto reply = co_await status_client_.fetch({.target = "/sarai/status"}, {});
        if (reply) sink.waiting(loading_text(reply->body, model_));
    }
}

asio::awaitable<void> Conversation::hint(std::string typed) {
    constexpr net::Budgets soon{.first_byte = std::chrono::seconds(2), .silence = std::chrono::seconds(2)};
    (void)co_await status_client_.fetch(
        {.method = net::http::verb::post,
         .target = "/sarai/hint",
         .body = json::serialize(json::object{{"text", typed}, {"conversation", list(messages_)}})},
        soon);
}

asio::awaitable<Result<void>> Conversation::ask(std::string question, const ChatSink& sink) {
    messages_.push_back({"user", std::move(question)});
    Turn turn{messages_};
    co_return co_await stream(sink, turn.answer);
}

asio::awaitable<Result<void>> Conversation::stream(const ChatSink& sink, std::string& answer) {
    auto first = co_await (client_.open({.method = net::http::verb::post,
                                         .target = "/v1/chat/completions",
                                         .headers = {{"Accept", "text/event-stream"}},
                                         .body = chat_request(model_, messages_)},
                                        patience) ||
                           report_loading(sink));
    sink.waiting("");
    if (first.index() == 1) co_return fail(Code::cancelled, "interrupted");
    auto& body = std::get<0>(first);
    if (!body) co_return std::unexpected(unreachable(client_.origin(), body.error()));
    if ((*body)->status() != 200) {
        constexpr std::size_t enough = 64U << 10U;
        std::string reply;
        while (reply.size() < enough) {
            const auto bytes = co_await (*body)->read_some();
            if (!bytes || bytes->empty()) break;
            reply += *bytes;
        }
        co_return std::unexpected(server_error((*body)->status(), reply));
    }
    if (const std::string_view reason = (*body)->headers()["x-sarai-reason"];
        reason.contains("fallback") || (*body)->headers().count("x-sarai-route") > 0)
        sink.note(reason);
    net::SseParser events;
    protocols::openai::StreamDecoder decoder(model_);
    while (!decoder.ended()) {
        const auto bytes = co_await (*body)->read_some();
        if (!bytes) co_return std::unexpected(broken(bytes.error()));
        if (bytes->empty()) break;
        if (const auto fed = events.feed(*bytes); !fed) co_return std::unexpected(fed.error());
        while (auto event = events.next()) {
            const auto decoded = decoder.event(event->name, std::move(event->data));
            if (!decoded) co_return std::unexpected(broken(decoded.error()));
            if (!*decoded) break;
            if (const auto text = thought_of(**decoded); !text.empty()) sink.thought(text);
            if (const auto text = llm::text_of(**decoded); !text.empty()) {
                answer += text;
                sink.answer(text);
            }
        }
    }
    const auto closed = decoder.close();
    if (!closed) co_return std::unexpected(broken(closed.error()));
    // Reads what is left, so that the connection can serve the next turn.
    while (true) {
        const auto rest = co_await (*body)->read_some();
        if (!rest || rest->empty()) break;
    }
    co_return Result<void>{};
}

}  // namespace sarai::cli
