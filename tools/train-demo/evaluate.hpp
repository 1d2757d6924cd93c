// How many questions a made file answers with their topic's answer.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "corpus.hpp"
#include "speaker.hpp"

namespace train_demo {

struct Miss {
    Question question;
    std::string said;
};

struct Evaluation {
    std::size_t asked = 0;
    std::size_t exact = 0;  // answers, letter by letter
    std::vector<Miss> misses;
    [[nodiscard]] std::size_t right() const { return asked - misses.size(); }
};

// 1 less the changes (of a byte: put in, left out, replaced) that make one of the other, as a share of the longer.
[[nodiscard]] double similarity(std::string_view one, std::string_view other);

// Right is an answer that is similar to the topic's by 0.8 and more, and the same in the end is exact.
[[nodiscard]] Evaluation evaluate(Speaker& speaker, const std::vector<Topic>& topics,
                                  const std::vector<Question>& questions);

// The corpus' first text that the file's tokenizer cuts otherwise than `tokenizer` does; "" where there is none.
[[nodiscard]] std::string cut_differently(const Speaker& speaker, const Tokenizer& tokenizer, const Corpus& corpus);

}  // namespace train_demo
