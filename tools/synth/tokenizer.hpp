// Vocabularies: sentencepiece-like (SPM) and byte-level BPE, as llama.cpp reads them.
//
// `bytes` has a token for each byte and nothing that merges: text and tokens map one to one, which exactness tests
// need. `merging` builds words by pairing, so that text has fewer tokens than bytes, as in real models.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "model.hpp"

namespace synth {

enum class Family { spm, bpe };

struct Vocabulary {
    Family family = Family::bpe;
    std::string pre;                    // llama.cpp's name of the pre-tokenizer; BPE only
    std::size_t size = 0;               // tokens; `bytes` is as large as it needs to be
    std::vector<std::string> controls;  // beside <|im_start|>, <|im_end|> and <|endoftext|>
    bool adds_bos = false;
    bool adds_eos = false;
    bool tools = false;  // its chat template has a place for tools, in Qwen's way
    bool chat = true;    // has a chat template, and rows that favour readable text
};

// Adds the tokenizer to the metadata, sets Model::token_strength; returns the number of tokens.
std::int64_t add_tokenizer(Model& model, const Vocabulary& vocabulary);

}  // namespace synth
