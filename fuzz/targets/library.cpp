// What the library of models reads: names, digests, manifests, listings of repositories, Modelfiles.
//
// options: -dict=fuzz/dictionaries/library.dict -max_len=2048
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(library) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::library(input);
    sarai::fuzz::modelfile(input);
    return 0;
}
