// Bodies that clients of OpenAI's API send: chat, completions, embeddings, responses, rerank, tokenize and detokenize;
// and what becomes of them for servers of either protocol.
//
// options: -dict=fuzz/dictionaries/openai.dict -max_len=4096
#include "parsers.hpp"
#include "support/target.hpp"

FUZZ_TARGET(openai_request) {
    const sarai::fuzz::Input input(data, size);
    sarai::fuzz::openai_request(input);
    sarai::fuzz::openai_to_ollama(input);
    sarai::fuzz::rerank_request(input);
    sarai::fuzz::responses_request(input);
    sarai::fuzz::text_tools(input);
    return 0;
}
