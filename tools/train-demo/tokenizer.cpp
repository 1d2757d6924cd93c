#include "tokenizer.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "words.hpp"

namespace train_demo {
namespace {

std::vector<Token> bytes_of(std::string_view word) {
    std::vector<Token> tokens;
    for (const char c : word) tokens.push_back(first_byte + static_cast<unsigned char>(c));
    return tokens;
}

void replace(std::vector<Token>& word, const std::pair<Token, Token>& pair, Token by) {
    std::size_t kept = 0;
    for (std::size_t i = 0; i < word.size(); ++i, ++kept) {
        const bool found = i + 1 < word.size() && word[i] == pair.first && word[i + 1] == pair.second;
        word[kept] = found ? by : word[i];
        if (found) ++i;
    }
    word.resize(kept);
}

struct Word {
    std::vector<Token> tokens;
    std::int64_t count = 0;
};
struct Pair {
    std::int64_t count = 0;
    std::set<std::size_t> words;  // in which it stands, or once stood
};
using Pairs = std::map<std::pair<Token, Token>, Pair>;

void count_pairs(const Word& word, std::size_t index, std::int64_t sign, Pairs& pairs) {
    for (std::size_t i = 1; i < word.tokens.size(); ++i) {
        auto& pair = pairs[{word.tokens[i - 1], word.tokens[i]}];
        pair.count += sign * word.count;
        if (sign > 0) pair.words.insert(index);
    }
}

// GPT-2's printable stand-in for a byte: itself where Latin-1 prints it, else the next code point from U+0100.
std::string printable(unsigned char byte) {
    const auto prints = [](unsigned b) { return (b > 0x20 && b < 0x7f) || (b > 0xa0 && b != 0xad); };
    unsigned code = byte;
    if (!prints(byte)) {
        code = 0x100;
        for (unsigned b = 0; b < byte; ++b) code += prints(b) ? 0 : 1;
    }
    if (code < 0x80) return {static_cast<char>(code)};
    return {static_cast<char>(0xc0 | (code >> 6)), static_cast<char>(0x80 | (code & 0x3f))};
}

std::string printable(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) text += printable(static_cast<unsigned char>(c));
    return text;
}

}  // namespace

Tokenizer::Tokenizer() : texts_{"<|end|>", "<|user|>", "<|assistant|>"} {
    for (unsigned byte = 0; byte < 256; ++byte) texts_.emplace_back(1, static_cast<char>(byte));
}

Tokenizer Tokenizer::learn(const std::vector<std::string>& texts, std::size_t size,
                           const std::vector<std::string>& controls) {
    std::map<std::string_view, std::int64_t> counts;
    for (const auto& text : texts)
        for (const auto word : split_words(text)) ++counts[word];
    std::vector<Word> words;
    for (const auto& [word, count] : counts) words.push_back({bytes_of(word), count});
    Pairs pairs;
    for (std::size_t i = 0; i < words.size(); ++i) count_pairs(words[i], i, 1, pairs);

    Tokenizer made;
    while (made.size() < size) {
        const auto best = std::ranges::max_element(pairs, {}, [](const auto& pair) { return pair.second.count; });
        if (best == pairs.end() || best->second.count < 2) break;
        const auto pair = best->first;
        const auto token = static_cast<Token>(made.size());
        made.texts_.push_back(made.texts_[static_cast<std::size_t>(pair.first)] +
                              made.texts_[static_cast<std::size_t>(pair.second)]);
        made.merges_.push_back(pair);
        made.merged_.emplace(pair, token);
        for (const auto index : std::vector(best->second.words.begin(), best->second.words.end())) {
            count_pairs(words[index], index, -1, pairs);
            replace(words[index].tokens, pair, token);
            count_pairs(words[index], index, 1, pairs);
        }
        pairs.erase(pair);
    }
    made.first_control_ = static_cast<Token>(made.size());
    made.texts_.insert(made.texts_.end(), controls.begin(), controls.end());
    return made;
}

void Tokenizer::merge(std::vector<Token>& word, float share_left_out, sarai::router::Random* random) const {
    while (true) {
        std::optional<std::pair<std::pair<Token, Token>, Token>> first;
        for (std::size_t i = 1; i < word.size(); ++i) {
            const auto found = merged_.find({word[i - 1], word[i]});
            if (found == merged_.end() || (first && first->second <= found->second)) continue;
            if (random != nullptr && random->chance(share_left_out)) continue;
            first = *found;
        }
        if (!first) return;
        replace(word, first->first, first->second);
    }
}

std::vector<Token> Tokenizer::encode(std::string_view text) const {
    std::vector<Token> tokens;
    for (const auto word : split_words(text)) {
        auto [known, fresh] = known_.try_emplace(std::string(word));
        if (fresh) {
            known->second = bytes_of(word);
            merge(known->second, 0, nullptr);
        }
        tokens.insert(tokens.end(), known->second.begin(), known->second.end());
    }
    return tokens;
}

std::vector<Token> Tokenizer::encode(std::string_view text, float share_left_out, sarai::router::Random& random) const {
    std::vector<Token> tokens;
    for (const auto word : split_words(text)) {
        auto parts = bytes_of(word);
        merge(parts, share_left_out, &random);
        tokens.insert(tokens.end(), parts.begin(), parts.end());
    }
    return tokens;
}

std::string Tokenizer::decode(const std::vector<Token>& tokens) const {
    std::string text;
    for (const auto token : tokens) text += texts_[static_cast<std::size_t>(token)];
    return text;
}

std::vector<std::string> Tokenizer::printable_tokens() const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < texts_.size(); ++i)
        all.push_back(is_control(static_cast<Token>(i)) ? texts_[i] : printable(texts_[i]));
    return all;
}

std::vector<std::string> Tokenizer::printable_merges() const {
    std::vector<std::string> all;
    for (const auto& [left, right] : merges_)
        all.push_back(printable(texts_[static_cast<std::size_t>(left)]) + " " +
                      printable(texts_[static_cast<std::size_t>(right)]));
    return all;
}

}  // namespace train_demo
