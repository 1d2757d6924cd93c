// What a server of either protocol answers that is not streamed: answers and failures.
//
// options: -dict=fuzz/dictionaries/ollama.dict -max_len=4096
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(server_reply) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::whole_reply(input);
    sarai::fuzz::upstream_error(input);
    return 0;
}
