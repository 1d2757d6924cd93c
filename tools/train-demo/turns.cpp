#include "turns.hpp"

#include <fmt/format.h>

#include "augment.hpp"

namespace train_demo {
namespace {

constexpr float cut_share = 0.75F;
constexpr std::size_t cut_after = 16;    // tokens of the answer
constexpr float chat_share = 0.25F;      // of turns that may follow another
constexpr float dropout_share = 0.5F;    // of questions with merges left out
constexpr float dropout = 0.15F;         // of their merges
constexpr float question_weight = 0.1F;  // of a varied question's tokens: what stands beside what tells of meaning

}  // namespace

std::string prompt_of(std::string_view question) { return fmt::format("<|user|>{}<|assistant|>", question); }

Turn Turns::turn(const std::vector<Token>& question, const std::string& answer) const {
    Turn made;
    made.tokens.push_back(user_token);
    made.tokens.insert(made.tokens.end(), question.begin(), question.end());
    made.tokens.push_back(assistant_token);
    made.weights.assign(made.tokens.size(), 0.0F);
    const auto said = tokenizer_.encode(answer);
    made.tokens.insert(made.tokens.end(), said.begin(), said.end());
    made.tokens.push_back(end_token);
    made.weights.resize(made.tokens.size(), 1.0F);
    return made;
}

Turn Turns::plain(const Question& question) const {
    return turn(tokenizer_.encode(question.text), corpus_.answer_to(question));
}

Turn Turns::varied(const Question& question) {
    const auto text = vary(question.text, question.language, random_);
    const auto asked =
        random_.chance(dropout_share) ? tokenizer_.encode(text, dropout, random_) : tokenizer_.encode(text);
    auto made = turn(asked, corpus_.answer_to(question));
    for (std::size_t i = 1; i <= asked.size(); ++i) made.weights[i] = question_weight;
    made.follows = whole_ && random_.chance(chat_share);
    whole_ = !random_.chance(cut_share);
    const auto most = asked.size() + 2 + cut_after;
    if (!whole_ && made.tokens.size() > most) {
        made.tokens.resize(most);
        made.weights.resize(most);
    }
    return made;
}

}  // namespace train_demo
