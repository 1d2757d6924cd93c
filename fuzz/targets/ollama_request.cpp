// Bodies that clients of Ollama's API send: answers, and models that they bring.
//
// options: -dict=fuzz/dictionaries/ollama.dict -max_len=4096
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(ollama_request) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::ollama_request(input);
    sarai::fuzz::ollama_library(input);
    return 0;
}
