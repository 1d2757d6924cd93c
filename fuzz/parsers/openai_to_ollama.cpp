// Requests in OpenAI's form on their way to an Ollama server: what we send is JSON, and another sarai in its place
// understands it or refuses it plainly.
#include "parsers.hpp"
#include "protocols/ollama.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace ollama = protocols::ollama;

ollama::Call call_of(llm::Task task) {
    if (task == llm::Task::completion) return ollama::Call::generate;
    return task == llm::Task::embedding ? ollama::Call::embed : ollama::Call::chat;
}

void check(llm::Task task, std::string_view body) {
    const auto request = protocols::openai::decode_request(task, body);
    if (!request) return;
    const auto written =
        ollama::encode_request(*request, request->stream, {.model = "up", .num_ctx = 2048, .keep_alive = "5m"});
    if (!written) return require_plain(written.error(), "what Ollama cannot express");
    require_json(*written, "a request for Ollama");
    const auto read = ollama::decode_request(call_of(task), *written);
    if (!read) return require_plain(read.error(), "the refusal of a translated request");
    require(read->request.model == "up", "the server's name for the model stands in its request");
    const auto context = ollama::context_of(*request, 0);
    require(context.task == task && !context.id.empty(), "a reply knows its request");
}

}  // namespace

void openai_to_ollama(Input input) {
    const auto body = input.rest();
    for (const auto task : {llm::Task::chat, llm::Task::completion, llm::Task::embedding}) check(task, body);
}

}  // namespace sarai::fuzz
