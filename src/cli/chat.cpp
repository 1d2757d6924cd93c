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
#include "cli/table.hpp"
#include "config/problem.hpp"
#include "llm/types.hpp"
#include "net/framing.hpp"
#include "protocols/json.hpp"
#include "protocols/openai.hpp"

namespace sarai::cli {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace asio::experimental::awaitable_operators;
using namespace protocols;
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

json::value content_of(const Message& message) {
    if (message.attachments.empty()) return json::value(message.text);
    json::array parts;
    for (const auto& attachment : message.attachments) parts.emplace_back(attachment.part);
    parts.push_back({{"type", "text"}, {"text", message.text}});
    return parts;
}

// What was said, without what was attached to it.
json::array words_of(const std::vector<Message>& messages) {
    json::array made;
    for (const auto& message : messages) made.push_back({{"role", message.role}, {"content", message.text}});
    return made;
}

AnswerFacts facts_in(const net::http::fields& headers) {
    const auto value = [&](std::string_view name) { return config::printable(std::string_view(headers[name]), 400); };
    return {.model = value("x-sarai-model"),
            .backend = value("x-sarai-backend"),
            .endpoint = value("x-sarai-endpoint"),
            .reason = value("x-sarai-reason"),
            .route = value("x-sarai-route"),
            .scores = value("x-sarai-scores"),
            .pipeline = value("x-sarai-pipeline")};
}

// What a chunk says of who answers. True: a fallback does, and the headers could not tell.
bool take_news(AnswerFacts& facts, const json::object& chunk) {
    if (const auto* seam = object_at(chunk, "sarai_failover"))
        facts.seam = config::printable(
            fmt::format("{} went on after {} tokens of {}: {}", string_at(*seam, "to"),
                        integer_at(*seam, "tokens").value_or(0), string_at(*seam, "from"), string_at(*seam, "reason")),
            400);
    const auto* route = object_at(chunk, "sarai_route");
    if (route == nullptr) return false;
    const auto value = [&](std::string_view name) { return config::printable(string_at(*route, name), 400); };
    facts.model = value("model");
    facts.backend = value("backend");
    facts.endpoint = value("endpoint");
    facts.reason = value("reason");
    return true_at(*route, "fallback");
}

std::chrono::milliseconds since(std::chrono::steady_clock::time_point start) {
    return std::chrono::ceil<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
}

// Exit status 3 says that no server was reached. One that was reached and then failed is a failure like any other.
Error broken(Error error) {
    if (error.code == Code::unavailable || error.code == Code::timeout) error.code = Code::upstream;
    return error;
}

// Keeps the question only if something came of it, on every way out, that of an interruption included.
struct Turn {
    std::vector<Message>& messages;
    std::string model;
    std::string answer = {};

    ~Turn() {
        if (answer.empty()) {
            messages.pop_back();
        } else {
            messages.push_back({.role = "assistant", .text = std::move(answer), .by = std::move(model)});
        }
    }
};

}  // namespace

std::string loading_text(std::string_view status, std::string_view model, bool unicode, std::size_t columns) {
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
            return progress_text(fmt::format("loading {}", model), share->get_double(), unicode, columns);
    }
    return shortened(fmt::format("waiting for {}", model), columns, unicode);
}

std::string chat_request(std::string_view model, const std::vector<Message>& messages, const ChatSettings& settings) {
    json::array list;
    if (!settings.system.empty()) list.push_back({{"role", "system"}, {"content", settings.system}});
    for (const auto& message : messages) list.push_back({{"role", message.role}, {"content", content_of(message)}});
    json::object request{{"model", model},
                         {"messages", std::move(list)},
                         {"stream", true},
                         {"stream_options", {{"include_usage", true}}}};
    if (settings.temperature) request["temperature"] = *settings.temperature;
    return json::serialize(request);
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
        if (reply) sink.waiting(loading_text(reply->body, model_, sink.unicode, sink.columns));
    }
}

asio::awaitable<void> Conversation::hint(std::string typed) {
    constexpr net::Budgets soon{.first_byte = std::chrono::seconds(2), .silence = std::chrono::seconds(2)};
    (void)co_await status_client_.fetch(
        {.method = net::http::verb::post,
         .target = "/sarai/hint",
         .body = json::serialize(json::object{{"text", typed}, {"conversation", words_of(messages_)}})},
        soon);
}

asio::awaitable<Result<void>> Conversation::ask(std::string question, std::vector<Attachment> attachments,
                                                const ChatSink& sink) {
    messages_.push_back({.role = "user", .text = std::move(question), .attachments = std::move(attachments)});
    Turn turn{.messages = messages_, .model = model_};
    co_return co_await stream(sink, turn.answer);
}

asio::awaitable<Result<void>> Conversation::stream(const ChatSink& sink, std::string& answer) {
    const auto start = std::chrono::steady_clock::now();
    auto first = co_await (client_.open({.method = net::http::verb::post,
                                         .target = "/v1/chat/completions",
                                         .headers = {{"Accept", "text/event-stream"}},
                                         .body = chat_request(model_, messages_, settings_)},
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
        (*body)->headers().count("x-sarai-fallback") > 0 || (*body)->headers().count("x-sarai-route") > 0)
        sink.note(reason);
    auto& facts = facts_.emplace(facts_in((*body)->headers()));
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
            if (!*decoded) continue;
            facts.whole = since(start);
            if (!(*decoded)->is_only_text()) {
                if (take_news(facts, (*decoded)->chunk())) sink.note(facts.reason);
                if (const auto usage = llm::usage_of((*decoded)->chunk())) facts.tokens = usage->completion_tokens;
                if (const auto rates = llm::rates_of((*decoded)->chunk()); rates && rates->decode_seconds > 0)
                    facts.rate = static_cast<double>(rates->decode_tokens) / rates->decode_seconds;
            }
            if (llm::finish_reason_of(**decoded) == "length") facts.cut_off = true;
            if (facts.first_text.count() == 0 && llm::has_output(**decoded)) facts.first_text = facts.whole;
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
