// The words of a question, as a full-text index is asked for them: nothing of what a user types is syntax there.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sarai::knowledge {

// Runs of letters and digits, each once, in their order; at most 32 of at most 64 bytes: a pasted page would cost
// seconds, and its first words say what it is about.
[[nodiscard]] std::vector<std::string> words_of(std::string_view text);

// Each in double quotes, joined by `between`: for SQLite's MATCH with " OR ", for PostgreSQL's array with ",". Words
// hold no quotes. Empty where there are no words.
[[nodiscard]] std::string quoted(const std::vector<std::string>& words, std::string_view between);

// All of the text's words with a blank between them, for an index whose own idea of words is another one (PostgreSQL
// takes "src/a.cpp" for one).
[[nodiscard]] std::string only_words(std::string_view text);

}  // namespace sarai::knowledge
