// Questions with their answers as turns of a chat in tokens.
#pragma once

#include <cstdint>

#include "corpus.hpp"
#include "packing.hpp"
#include "router/random.hpp"
#include "tokenizer.hpp"

namespace train_demo {

// How the model is asked: the GGUF file's chat template writes the same.
[[nodiscard]] std::string prompt_of(std::string_view question);

class Turns {
public:
    // Both must outlive it.
    Turns(const Corpus& corpus, const Tokenizer& tokenizer, std::uint64_t seed)
        : corpus_(corpus), tokenizer_(tokenizer), random_(seed) {}

    // As it is written; only the answer's tokens count.
    [[nodiscard]] Turn plain(const Question& question) const;
    // Otherwise every time: as somebody may type it, sometimes within a chat, and often without the answer's end, which
    // is soon learnt, so that the time goes into what is hard: to begin with the right answer.
    [[nodiscard]] Turn varied(const Question& question);

private:
    [[nodiscard]] Turn turn(const std::vector<Token>& question, const std::string& answer) const;

    const Corpus& corpus_;
    const Tokenizer& tokenizer_;
    sarai::router::Random random_;
    bool whole_ = false;  // the last one had its end
};

}  // namespace train_demo
