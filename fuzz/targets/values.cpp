// Small texts with a grammar of their own: sizes, durations, addresses, URLs, names, `--what-if`, the headers Host and
// Origin.
//
// options: -dict=fuzz/dictionaries/values.dict -max_len=256
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(values) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::values(input);
    sarai::fuzz::what_if(input);
    sarai::fuzz::origin(input);
    return 0;
}
