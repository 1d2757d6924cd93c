// Bodies of /v1/chat/completions, /v1/completions and /v1/embeddings: read, then written for a compatible server, whole
// and in parts. What we write is JSON, we accept it ourselves, and writing it again changes nothing.
#include <boost/json/serialize.hpp>
#include <string>

#include "parsers.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace openai = protocols::openai;

void check(llm::Task task, std::string_view body) {
    const auto request = openai::decode_request(task, body);
    if (!request) {
        require_plain(request.error(), "the refusal of a request");
        return (void)require_json(boost::json::serialize(openai::encode_error(request.error())), "an error envelope");
    }
    for (const bool stream : {false, true}) {
        const auto written = openai::encode_request(*request, stream, "up");
        require_json(written, "a request for a server");
        const auto read = openai::decode_request(task, written);
        require(read.has_value(), "a request that we write is one that we accept");
        require(read->model == "up", "the server's name for the model stands in its request");
        require(same(require_json(openai::encode_request(*read, stream, "up"), "a request written again"),
                     require_json(written, "the first")),
                "a request written again is the same");
    }
    if (task != llm::Task::embedding) return;
    const auto parts = openai::encode_in_parts(*request, "up", 2);
    require(!parts.empty(), "a request has parts");
    for (const auto& part : parts) {
        require_json(part, "a part of a request");
        require(openai::decode_request(task, part).has_value(), "a part of a request is one that we accept");
    }
}

}  // namespace

void openai_request(Input input) {
    const auto body = input.rest();
    for (const auto task : {llm::Task::chat, llm::Task::completion, llm::Task::embedding}) check(task, body);
}

}  // namespace sarai::fuzz
