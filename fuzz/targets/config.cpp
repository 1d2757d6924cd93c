// A configuration file, and a `.env` file beside it.
//
// options: -dict=fuzz/dictionaries/config.dict -max_len=4096
#include "parsers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::config(input);
    sarai::fuzz::environment(input);
    return 0;
}
