// Bodies of /api/create, copy, delete and pull, and the "context" of /api/generate: accepted or refused plainly, and a
// conversation that was packed into a context is the same when it comes back.
//
// options: -dict=fuzz/dictionaries/ollama.dict -max_len=4096
#include "protocols/ollama_library.hpp"

#include <boost/json/serialize.hpp>

#include "protocols/json.hpp"
#include "protocols/ollama_context.hpp"
#include "support/check.hpp"
#include "support/input.hpp"

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
}  // namespace sarai::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sarai;
    const auto body = fuzz::Input(data, size).rest();
    fuzz::check(protocols::ollama::decode_create(body));
    fuzz::check(protocols::ollama::decode_copy(body));
    fuzz::check(protocols::ollama::decode_delete(body));
    fuzz::check(protocols::ollama::decode_pull(body));
    if (const auto value = protocols::parse_json(body)) fuzz::check_context(*value);
    return 0;
}
