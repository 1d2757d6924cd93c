// Bodies of /api/create, copy, delete and pull, and the "context" of /api/generate: accepted or refused plainly, and a
// conversation that was packed into a context is the same when it comes back.
#include "protocols/ollama_library.hpp"

#include <boost/json/serialize.hpp>

#include "parsers.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama_context.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace ollama = protocols::ollama;

template <class T>
void check(const Result<T>& decoded) {
    if (!decoded) require_plain(decoded.error(), "the refusal of a request");
}

void check_context(const boost::json::value& value) {
    const auto messages = ollama::decode_context(value);
    if (!messages) return require_plain(messages.error(), "the refusal of a context");
    const auto packed = ollama::encode_context(*messages, "answer");
    const auto again = ollama::decode_context(packed);
    require(again && again->size() == messages->size() + 1, "a context that was packed can be read");
    require(again->back().at("content") == "answer", "a context ends with the answer");
}

}  // namespace

void ollama_library(Input input) {
    const auto body = input.rest();
    check(protocols::ollama::decode_create(body));
    check(protocols::ollama::decode_copy(body));
    check(protocols::ollama::decode_delete(body));
    check(protocols::ollama::decode_pull(body));
    if (const auto value = protocols::parse_json(body)) check_context(*value);
}

}  // namespace sarai::fuzz
