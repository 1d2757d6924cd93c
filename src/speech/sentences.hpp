// A text in pieces that can be said one after the other, so that the first is heard while the others are made. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace sarai::speech {

// Sentences and lines; short ones go with the next, long ones are cut between words. UTF-8 in, UTF-8 out, no control
// characters, none empty: all words of the text are in them, in order.
[[nodiscard]] std::vector<std::string> split_sentences(std::string_view text);

}  // namespace sarai::speech
