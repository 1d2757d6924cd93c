// A configuration file, and a `.env` file beside it.
//
// options: -dict=fuzz/dictionaries/config.dict -max_len=4096
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(config) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::config(input);
    sarai::fuzz::environment(input);
    return 0;
}
