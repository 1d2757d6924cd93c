// Files that requests bring, and the URLs that they name instead.
//
// options: -dict=fuzz/dictionaries/media.dict -max_len=2048
#include "parsers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    sarai::fuzz::media(sarai::fuzz::Input(data, size));
    return 0;
}
