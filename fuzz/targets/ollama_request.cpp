// Bodies that clients of Ollama's API send: answers, and models that they bring.
//
// options: -dict=fuzz/dictionaries/ollama.dict -max_len=4096
#include "parsers.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::ollama_request(input);
    sarai::fuzz::ollama_library(input);
    return 0;
}
