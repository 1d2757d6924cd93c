// The body of a streamed answer from a compatible server, for clients of each protocol.
//
// options: -dict=fuzz/dictionaries/openai.dict -max_len=8192
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(openai_stream) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::openai_stream(input);
    sarai::fuzz::anthropic_stream(input);
    sarai::fuzz::responses_stream(input);
    return 0;
}
