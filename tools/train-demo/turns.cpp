#include "turns.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "augment.hpp"

namespace train_demo {
namespace {

constexpr float cut_share = 0.85F;     // of turns that end with the topic's token
constexpr float topic_weight = 4;      // of its token
constexpr float unnamed_share = 0.3F;  // of whole answers without the topic's token, as another program hands them on
constexpr std::size_t unnamed_begin = 4;  // tokens of those which are not learnt: an answer begins with the token
constexpr float twice_share = 0.15F;      // of questions that come with a second one
constexpr float dropout_share = 0.5F;     // of questions with merges left out
constexpr float dropout = 0.15F;          // of their merges
constexpr float question_weight = 0.1F;   // of a varied question's tokens: what stands beside what tells of meaning

}  // namespace

std::string prompt_of(std::string_view question) { return fmt::format("<|user|>{}<|assistant|>", question); }

Turns::Turns(const Corpus& corpus, const std::vector<Question>& learnt, const Tokenizer& tokenizer, std::uint64_t seed)
    : corpus_(corpus), tokenizer_(tokenizer), random_(seed) {
    for (const auto& one : learnt) same_[{one.topic, one.language}].push_back(one.text);
}

Turn Turns::turn(const std::vector<Token>& asked, const Question& question) const {
    Turn made;
    made.tokens.push_back(user_token);
    made.tokens.insert(made.tokens.end(), asked.begin(), asked.end());
    made.tokens.push_back(assistant_token);
    made.weights.assign(made.tokens.size(), 0.0F);
    made.tokens.push_back(tokenizer_.control(question.topic));
    made.weights.push_back(topic_weight);
    const auto said = tokenizer_.encode(corpus_.answer_to(question));
    made.tokens.insert(made.tokens.end(), said.begin(), said.end());
    made.tokens.push_back(end_token);
    made.weights.resize(made.tokens.size(), 1.0F);
    return made;
}

Turn Turns::plain(const Question& question) const { return turn(tokenizer_.encode(question.text), question); }

Turn Turns::varied(const Question& question) {
    auto text = vary(question.text, question.language, random_);
    if (random_.chance(twice_share)) {
        const auto& same = same_.at({question.topic, question.language});
        text += " " + vary(same[random_.below(same.size())], question.language, random_);
    }
    const auto asked =
        random_.chance(dropout_share) ? tokenizer_.encode(text, dropout, random_) : tokenizer_.encode(text);
    auto made = turn(asked, question);
    for (std::size_t i = 1; i <= asked.size(); ++i) made.weights[i] = question_weight;
    const auto topic = asked.size() + 2;
    if (random_.chance(cut_share)) {
        made.tokens.resize(topic + 1);
        made.weights.resize(topic + 1);
    } else if (random_.chance(unnamed_share)) {
        made.tokens.erase(made.tokens.begin() + static_cast<std::ptrdiff_t>(topic));
        made.weights.erase(made.weights.begin() + static_cast<std::ptrdiff_t>(topic));
        std::fill_n(made.weights.begin() + static_cast<std::ptrdiff_t>(topic),
                    std::min(unnamed_begin, made.weights.size() - topic), 0.0F);
    }
    return made;
}

}  // namespace train_demo
