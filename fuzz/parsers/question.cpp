// A question to a knowledge base: its words hold nothing that a full-text index would take for syntax.
#include "knowledge/words.hpp"
#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {

void question(Input input) {
    const auto words = knowledge::words_of(input.rest());
    require(words.size() <= 32, "a question has few words");
    for (const auto& word : words) {
        require(!word.empty() && word.size() <= 64, "a word is short");
        require_utf8(word, "a word");
        require(word.find_first_of("\"'\\*:()^{}+-&|!<> \n") == std::string::npos, "a word has no signs");
    }
    const auto plain = knowledge::only_words(input.rest());
    require_utf8(plain, "the words of a text");
}

}  // namespace sarai::fuzz
