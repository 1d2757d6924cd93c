#include "remote/text_tools.hpp"

#include <fmt/format.h>

#include "protocols/json.hpp"
#include "remote/answer_tokens.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using net::asio::awaitable;

// A picture takes tokens that only its encoder knows.
Result<void> only_text(const json::object& body) {
    const auto* messages = protocols::array_at(body, "messages");
    if (messages == nullptr) return {};
    for (std::size_t i = 0; i < messages->size(); ++i) {
        const auto* message = (*messages)[i].if_object();
        const auto* parts = message == nullptr ? nullptr : protocols::array_at(*message, "content");
        if (parts == nullptr) continue;
        for (const auto& part : *parts) {
            const auto* object = part.if_object();
            const auto type = object == nullptr ? std::string_view{} : protocols::string_at(*object, "type");
            if (type != "text")
                return std::unexpected(Error{.code = Code::unsupported,
                                             .message = fmt::format("'messages[{}].content' has a part of type \"{}\"; "
                                                                    "only the tokens of text can be counted",
                                                                    i, protocols::excerpt(type, 40)),
                                             .field = fmt::format("messages[{}].content", i)});
        }
    }
    return {};
}

awaitable<Result<json::object>> count(const Link& link, const llm::Request& request) {
    if (auto text = only_text(request.body); !text) co_return std::unexpected(text.error());
    auto about = request.body;
    for (const auto* key : {"stream", "stream_options", "model"}) about.erase(key);
    const auto made = co_await ask(link, "/apply-template", about);
    if (!made) co_return std::unexpected(made.error());
    const auto tokens = co_await tokenize(link, json::value(protocols::string_at(*made, "prompt")), true);
    if (!tokens) co_return std::unexpected(tokens.error());
    co_return json::object{{"tokens", tokens->size()}};
}

}  // namespace

awaitable<Result<json::object>> tell_about_text(const Link& link, const llm::Request& request) {
    if (request.task == llm::Task::count) co_return co_await count(link, request);
    auto body = request.body;
    body.erase("model");
    auto reply = co_await ask(link, request.task == llm::Task::tokenize ? "/tokenize" : "/detokenize", body);
    if (!reply && request.task == llm::Task::detokenize && reply.error().code == Code::upstream)
        co_return fail_field("tokens", "'tokens' has an id that the model does not know");
    if (!reply) co_return reply;
    if (const auto* tokens = protocols::array_at(*reply, "tokens")) (*reply)["count"] = tokens->size();
    (*reply)["model"] = request.model;
    co_return reply;
}

}  // namespace sarai::remote
