// Bodies of /tokenize and /detokenize: accepted as far as a backend can be asked them, or refused plainly.
//
// options: -dict=fuzz/dictionaries/openai.dict -max_len=1024
#include "protocols/text_tools.hpp"

#include "protocols/openai.hpp"
#include "support/check.hpp"
#include "support/input.hpp"

namespace sarai::fuzz {
namespace {

void check(const Result<llm::Request>& request) {
    if (!request) return require_plain(request.error(), "the refusal of a request");
    require(!request->model.empty(), "a request names its model");
    require_json(protocols::openai::encode_request(*request, false, "up"), "a request for a server");
}

}  // namespace
}  // namespace sarai::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto body = sarai::fuzz::Input(data, size).rest();
    sarai::fuzz::check(sarai::protocols::text_tools::decode_tokenize(body));
    sarai::fuzz::check(sarai::protocols::text_tools::decode_detokenize(body));
    return 0;
}
