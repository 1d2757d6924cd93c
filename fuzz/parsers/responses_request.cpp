// Bodies of /v1/responses, and what becomes of them for servers of either protocol: JSON, and messages that our own
// check of OpenAI's requests accepts. The first line of an input is the conversation that a previous response
// ("resp_1") left.
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "parsers.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama.hpp"
#include "protocols/openai.hpp"
#include "protocols/responses.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace json = boost::json;
namespace openai = protocols::openai;
namespace responses = protocols::responses;

void check_sent(const llm::Request& request) {
    const auto written = openai::encode_request(request, request.stream, "up");
    require_json(written, "a request for a compatible server");
    if (const auto read = openai::decode_request(llm::Task::chat, written); !read) {
        require_plain(read.error(), "the refusal of a translated request");
        for (const auto* field : {"messages", "tools", "response_format", "stream_options"})
            require(!read.error().field.starts_with(field), "what was translated is accepted: " + read.error().message);
    }
    if (const auto sent = protocols::ollama::encode_request(request, request.stream, {.model = "up"}))
        require_json(*sent, "a request for Ollama");
    else
        require_plain(sent.error(), "what Ollama cannot express");
}

// An answer to it, what is kept of that, and what a client may ask of it later.
void check_kept(responses::Decoded& decoded) {
    const auto reply =
        json::parse(R"({"id":"chatcmpl-1","choices":[{"index":0,"message":{"role":"assistant","content":"a"},)"
                    R"("finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":1}})")
            .as_object();
    const auto response = responses::encode_reply(decoded.context, reply, 2);
    require_json(json::serialize(response), "a response");
    if (!decoded.context.store) return;
    const auto kept = responses::keep(decoded.context, response);
    for (const auto& text : {kept.response, kept.input, kept.messages}) require_json(text, "what is kept");
    const auto items = responses::encode_input_items(kept, {.limit = 2});
    require(items.has_value(), "the items of what is kept can be listed");
    require_json(json::serialize(*items), "a list of items");
}

}  // namespace

void responses_request(Input input) {
    const auto before = input.rest().contains('\n') ? input.line() : std::string_view{};
    // Only what keep() has written is found again.
    const auto messages = protocols::parse_json(before);
    const auto kept = std::make_shared<const protocols::responses::Kept>(protocols::responses::Kept{
        .response = "{}",
        .input = "[]",
        .messages = messages && messages->is_array() ? std::string(before) : R"([{"role":"user","content":"x"}])"});
    auto decoded =
        protocols::responses::decode_request(input.rest(), {.id = "resp_2", .created_at = 1},
                                             [&](std::string_view id) { return id == "resp_1" ? kept : nullptr; });
    if (!decoded) {
        require_plain(decoded.error(), "the refusal of a request");
        return;
    }
    require(!decoded->request.model.empty(), "a request names its model");
    if (!input.rest().contains("resp_1")) check_sent(decoded->request);
    check_kept(*decoded);
}

}  // namespace sarai::fuzz
