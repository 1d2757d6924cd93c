// The body of a streamed answer from a compatible server, for clients of each protocol.
//
// options: -dict=fuzz/dictionaries/openai.dict -max_len=8192
#include "parsers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::openai_stream(input);
    sarai::fuzz::anthropic_stream(input);
    sarai::fuzz::responses_stream(input);
    return 0;
}
