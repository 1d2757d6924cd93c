// Bodies of /api/chat, /api/generate and /api/embed: read, then written for a server of each kind. What we write is
// JSON. A request that went to another sarai by Ollama's protocol and is sent on from there says the same.
#include <boost/json/serialize.hpp>

#include "parsers.hpp"
#include "protocols/ollama.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace ollama = protocols::ollama;
namespace openai = protocols::openai;

void check_load(const ollama::ServerRequest& read) {
    const auto reply = ollama::encode_load_reply(read.call, read.request.model, read.action, {});
    require_json(boost::json::serialize(reply), "the answer to a load or unload");
}

void check(ollama::Call call, std::string_view body) {
    const auto read = ollama::decode_request(call, body);
    if (!read) {
        require_plain(read.error(), "the refusal of a request");
        return (void)require_json(boost::json::serialize(ollama::encode_error(read.error())), "an error");
    }
    require(!read->request.model.empty(), "a request names its model");
    if (read->action != ollama::Action::run) return check_load(*read);
    const auto& request = read->request;
    require_json(openai::encode_request(request, request.stream, "up"), "a request for a compatible server");
    for (const auto& part : openai::encode_in_parts(request, "up", 2)) require_json(part, "a part of a request");

    const auto written = ollama::encode_request(request, request.stream, {.model = "up"});
    if (!written) return require_plain(written.error(), "what Ollama cannot express");
    const auto sent = require_json(*written, "a request for Ollama");
    const auto again = ollama::decode_request(call, *written);
    if (!again || again->action != ollama::Action::run) return;
    const auto onward = ollama::encode_request(again->request, again->request.stream, {.model = "up"});
    if (!onward) return require_plain(onward.error(), "what Ollama cannot express");
    require(same(require_json(*onward, "a request sent on"), sent), "a request that is sent on says the same");
}

}  // namespace

void ollama_request(Input input) {
    using protocols::ollama::Call;
    const auto body = input.rest();
    for (const auto call : {Call::chat, Call::generate, Call::embed}) check(call, body);
}

}  // namespace sarai::fuzz
