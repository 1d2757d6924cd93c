// Files that requests bring, and the URLs that they name instead.
//
// options: -dict=fuzz/dictionaries/media.dict -max_len=2048
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(media) {
    sarai::fuzz::media(sarai::fuzz::Input(data, size));
    return 0;
}
