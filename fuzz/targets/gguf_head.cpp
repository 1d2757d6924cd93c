// The first bytes of a GGUF file, read in this process: the architecture is a part of them.
//
// options: -dict=fuzz/dictionaries/gguf.dict -max_len=1024
#include "memory/gguf_head.hpp"

#include "support/check.hpp"
#include "support/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sarai;
    const auto head = fuzz::Input(data, size).rest();
    if (const auto architecture = memory::architecture_in(head))
        fuzz::require(head.contains(*architecture), "an architecture stands in the file that names it");
    return 0;
}
