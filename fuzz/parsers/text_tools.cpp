// Bodies of /tokenize and /detokenize: accepted as far as a backend can be asked them, or refused plainly.
#include "protocols/text_tools.hpp"

#include "parsers.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

void check(const Result<llm::Request>& request) {
    if (!request) return require_plain(request.error(), "the refusal of a request");
    require(!request->model.empty(), "a request names its model");
    require_json(protocols::openai::encode_request(*request, false, "up"), "a request for a server");
}

}  // namespace

void text_tools(Input input) {
    const auto body = input.rest();
    check(protocols::text_tools::decode_tokenize(body));
    check(protocols::text_tools::decode_detokenize(body));
}

}  // namespace sarai::fuzz
