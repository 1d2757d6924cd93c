// Bodies of /v1/messages and /v1/messages/count_tokens, and what becomes of them for servers of either protocol: JSON
// that our own check of OpenAI's requests accepts, but for values that the two APIs bound differently.
//
// options: -dict=fuzz/dictionaries/anthropic.dict -max_len=4096
#include <boost/json/serialize.hpp>

#include "protocols/anthropic.hpp"
#include "protocols/ollama.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"
#include "support/input.hpp"
#include "support/target.hpp"

namespace sarai::fuzz {
namespace {

namespace anthropic = protocols::anthropic;
namespace openai = protocols::openai;

void check(const Result<llm::Request>& request) {
    if (!request) {
        require_plain(request.error(), "the refusal of a request");
        require_json(boost::json::serialize(anthropic::encode_error(request.error(), "r")), "an error envelope");
        return;
    }
    require(request->task == llm::Task::chat && !request->model.empty(), "a request is a chat with a model");
    require_utf8(anthropic::prefill_of(*request), "the beginning of an answer");
    const auto written = openai::encode_request(*request, request->stream, "up");
    require_json(written, "a request for a compatible server");
    if (const auto read = openai::decode_request(llm::Task::chat, written); !read) {
        require_plain(read.error(), "the refusal of a translated request");
        // Members that went along untouched may be of any type; what was translated is not.
        for (const auto* field : {"messages", "tools", "tool_choice", "stop", "response_format", "stream_options"})
            require(!read.error().field.starts_with(field), "what was translated is accepted: " + read.error().message);
    }
    const auto sent = protocols::ollama::encode_request(*request, request->stream, {.model = "up"});
    if (sent)
        require_json(*sent, "a request for Ollama");
    else
        require_plain(sent.error(), "what Ollama cannot express");
}

}  // namespace
}  // namespace sarai::fuzz

FUZZ_TARGET(anthropic_request) {
    const auto body = sarai::fuzz::Input(data, size).rest();
    sarai::fuzz::check(sarai::protocols::anthropic::decode_request(body));
    sarai::fuzz::check(sarai::protocols::anthropic::decode_count_request(body));
    return 0;
}
