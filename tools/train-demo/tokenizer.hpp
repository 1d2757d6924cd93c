// A byte-level BPE tokenizer, learnt from texts (Sennrich et al. 2016), that cuts as llama.cpp does with the same
// merges.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "router/random.hpp"

namespace train_demo {

using Token = std::int32_t;

// These come first, then a token for each byte, then what was merged, in the order of the merges, then further
// controls.
inline constexpr Token end_token = 0;
inline constexpr Token user_token = 1;
inline constexpr Token assistant_token = 2;
inline constexpr Token first_byte = 3;
inline constexpr Token first_merged = first_byte + 256;

class Tokenizer {
public:
    // Merges what stands side by side most often, until there are `size` tokens or nothing stands twice. Texts count as
    // often as they come.
    // `controls` come after what was merged, beyond the size.
    [[nodiscard]] static Tokenizer learn(const std::vector<std::string>& texts, std::size_t size,
                                         const std::vector<std::string>& controls = {});

    [[nodiscard]] std::vector<Token> encode(std::string_view text) const;
    // Some of the possible merges left out, as chance wills (BPE dropout, Provilkov et al. 2020): the model then sees a
    // word's parts as well, and knows them where the word is misspelt.
    [[nodiscard]] std::vector<Token> encode(std::string_view text, float share_left_out,
                                            sarai::router::Random& random) const;
    [[nodiscard]] std::string decode(const std::vector<Token>& tokens) const;

    // As GGUF files hold them: with a printable character for each byte.
    [[nodiscard]] std::vector<std::string> printable_tokens() const;
    [[nodiscard]] std::vector<std::string> printable_merges() const;
    [[nodiscard]] std::size_t size() const { return texts_.size(); }
    [[nodiscard]] Token control(std::size_t index) const { return first_control_ + static_cast<Token>(index); }
    [[nodiscard]] bool is_control(Token token) const { return token < first_byte || token >= first_control_; }

private:
    Tokenizer();
    void merge(std::vector<Token>& word, float share_left_out, sarai::router::Random* random) const;

    Token first_control_ = first_merged;
    std::vector<std::string> texts_;                                     // bytes of each token; controls by their names
    std::vector<std::pair<Token, Token>> merges_;                        // makes first_merged + index
    std::map<std::pair<Token, Token>, Token> merged_;                    // the earlier, the lower
    mutable std::unordered_map<std::string, std::vector<Token>> known_;  // words that were encoded before
};

}  // namespace train_demo
