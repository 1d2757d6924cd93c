// The first bytes of a GGUF file, read in this process: the architecture is a part of them.
#include "memory/gguf_head.hpp"

#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {

void gguf_head(Input input) {
    const auto head = input.rest();
    if (const auto architecture = memory::architecture_in(head))
        require(head.contains(*architecture), "an architecture stands in the file that names it");
}

}  // namespace sarai::fuzz
