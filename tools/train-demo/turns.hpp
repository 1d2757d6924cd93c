// Questions with their answers as turns of a chat in tokens.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "corpus.hpp"
#include "packing.hpp"
#include "router/random.hpp"
#include "tokenizer.hpp"

namespace train_demo {

// How the model is asked: the GGUF file's chat template writes the same.
[[nodiscard]] std::string prompt_of(std::string_view question);

// An answer begins with its topic's control, which nobody sees: that decides at once, in both languages alike, what is
// said next, and is the only thing that is hard.
class Turns {
public:
    // Corpus and tokenizer must outlive it. `learnt` are the questions that variants may be made of.
    Turns(const Corpus& corpus, const std::vector<Question>& learnt, const Tokenizer& tokenizer, std::uint64_t seed);

    // As it is written; only the answer's tokens count.
    [[nodiscard]] Turn plain(const Question& question) const;
    // Otherwise every time: as somebody may type it, sometimes after another question about the same, and mostly
    // without the answer itself, which is soon learnt. Some answers come without their topic's control, so that one
    // that another began, of which only the text is known, can be ended.
    [[nodiscard]] Turn varied(const Question& question);

private:
    [[nodiscard]] Turn turn(const std::vector<Token>& asked, const Question& question) const;

    const Corpus& corpus_;
    const Tokenizer& tokenizer_;
    std::map<std::pair<std::size_t, Language>, std::vector<std::string>> same_;  // texts about the same
    sarai::router::Random random_;
};

}  // namespace train_demo
