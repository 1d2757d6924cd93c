// Whole answers of servers, not streamed: of either protocol, given on to clients of either protocol. The first line
// says how many bytes the first of two parts of an answer has (only embeddings come in parts).
#include <algorithm>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "parsers.hpp"
#include "protocols/anthropic.hpp"
#include "protocols/ollama.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"
#include "protocols/vectors.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace json = boost::json;
namespace ollama = protocols::ollama;
namespace openai = protocols::openai;

void check_for_clients(const json::object& reply) {
    require_json(json::serialize(reply), "an answer for clients");
    (void)llm::usage_of(reply);
    (void)llm::rates_of(reply);
    require_json(json::serialize(protocols::anthropic::encode_reply("m", reply, "a")),
                 "an answer for clients of Anthropic's protocol");
    for (const auto call : {ollama::Call::chat, ollama::Call::generate, ollama::Call::embed})
        require_json(json::serialize(ollama::encode_reply(call, "m", reply, {}, {})),
                     "an answer for clients of Ollama's protocol");
}

void check_openai(std::string_view first, std::string_view second) {
    auto reply = openai::decode_reply(first, "m");
    if (!reply) return require_plain(reply.error(), "an answer that is none");
    require(reply->at("model") == "m", "an answer has the client's name for the model");
    check_for_clients(*reply);
    auto more = openai::decode_reply(second, "m");
    if (!more) return require_plain(more.error(), "an answer that is none");
    openai::append_part(*reply, std::move(*more));
    check_for_clients(*reply);
    if (const auto shortened = protocols::shorten(*reply, 2, second.size() % 2 == 0); !shortened)
        return require_plain(shortened.error(), "why a vector cannot be shorter");
    check_for_clients(*reply);
}

void check_ollama(std::string_view body) {
    (void)ollama::loaded_models(body);
    for (const auto task : {llm::Task::chat, llm::Task::completion, llm::Task::embedding}) {
        const auto reply =
            ollama::decode_reply(body, {.task = task, .id = "1", .model = "m", .base64 = body.size() % 2 == 0});
        if (reply)
            check_for_clients(*reply);
        else
            require_plain(reply.error(), "an answer that is none");
    }
}

}  // namespace

void whole_reply(Input input) {
    const auto line = input.line();
    std::size_t length = 0;
    std::from_chars(line.data(), line.data() + line.size(), length);
    const auto body = input.rest();
    length = std::min(length, body.size());
    check_openai(body.substr(0, length), body.substr(length));
    check_ollama(body);
}

}  // namespace sarai::fuzz
