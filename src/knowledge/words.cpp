#include "knowledge/words.hpp"

#include <algorithm>
#include <cctype>

#include "base/utf8.hpp"

namespace sarai::knowledge {

namespace {

constexpr std::size_t most_words = 32;
constexpr std::size_t most_bytes = 64;

// Signs of Latin-1 (¿ ¡ « » and others, but not the ordinals ª º) and general punctuation; all else above ASCII may be
// a letter, and the index's own tokenizer has the last word.
bool is_sign(std::string_view character) {
    if (character.size() == 2 && character[0] == '\xc2')
        return character[1] != '\xaa' && character[1] != '\xba' && character[1] != '\xb5';
    if (character == "\xc3\x97" || character == "\xc3\xb7") return true;  // × ÷
    if (character.size() == 3 && character[0] == '\xe2')
        return character[1] == '\x80' || character[1] == '\x81';                       // U+2000–U+207F
    return character.size() == 3 && character[0] == '\xe3' && character[1] == '\x80';  // U+3000–U+303F
}

bool belongs_to_word(std::string_view character) {
    if (character.size() == 1) return std::isalnum(static_cast<unsigned char>(character[0])) != 0;
    return !is_sign(character);
}

}  // namespace

std::vector<std::string> words_of(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    const auto end_word = [&] {
        if (!word.empty() && std::ranges::find(words, word) == words.end()) words.push_back(word);
        word.clear();
    };
    while (!text.empty() && words.size() < most_words) {
        const auto length = utf8_length(text);
        const auto character = text.substr(0, std::max<std::size_t>(length, 1));
        text.remove_prefix(character.size());
        if (length == 0 || !belongs_to_word(character)) {
            end_word();
        } else if (word.size() + length <= most_bytes) {
            word += character;
        }
    }
    if (words.size() < most_words) end_word();
    return words;
}

std::string quoted(const std::vector<std::string>& words, std::string_view between) {
    std::string joined;
    for (const auto& word : words) {
        if (!joined.empty()) joined += between;
        joined.append("\"").append(word).append("\"");
    }
    return joined;
}

std::string only_words(std::string_view text) {
    std::string words;
    while (!text.empty()) {
        const auto length = utf8_length(text);
        const auto character = text.substr(0, std::max<std::size_t>(length, 1));
        text.remove_prefix(character.size());
        if (length > 0 && belongs_to_word(character)) {
            words += character;
        } else if (!words.empty() && words.back() != ' ') {
            words += ' ';
        }
    }
    return words;
}

}  // namespace sarai::knowledge
