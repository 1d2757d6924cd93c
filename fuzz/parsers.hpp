// All that reads outside bytes, each with its demands; a target of targets/ gives one input to those whose bytes come
// from the same place. What each one reads, and what it demands, is said in its file.
#pragma once

#include "support/input.hpp"

namespace sarai::fuzz {

void openai_request(Input input);
void rerank_request(Input input);
void responses_request(Input input);
void text_tools(Input input);
void openai_to_ollama(Input input);
void ollama_request(Input input);
void ollama_library(Input input);
void openai_stream(Input input);
void anthropic_stream(Input input);
void responses_stream(Input input);
void whole_reply(Input input);
void upstream_error(Input input);
void config(Input input);
void environment(Input input);
void values(Input input);
void what_if(Input input);
void origin(Input input);
void library(Input input);
void modelfile(Input input);
void gguf_head(Input input);
void measurement(Input input);
void document(Input input);
void question(Input input);
void media(Input input);

}  // namespace sarai::fuzz
