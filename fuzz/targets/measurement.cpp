// A GGUF file's first bytes, which are read in this process, and what the measuring child printed.
//
// options: -dict=fuzz/dictionaries/measurement.dict -max_len=4096
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(measurement) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::measurement(input);
    sarai::fuzz::gguf_head(input);
    return 0;
}
