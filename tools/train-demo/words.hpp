// Where GPT-2's pre-tokenizer cuts a text, as llama.cpp does for tokenizer.ggml.pre = "gpt-2". Exact for the letters of
// Latin, Greek and Cyrillic; what lies beyond them counts as a sign.
#pragma once

#include <string_view>
#include <vector>

namespace train_demo {

// The words in their order, a blank before a word belongs to it; together they are `text`, which must be UTF-8.
[[nodiscard]] std::vector<std::string_view> split_words(std::string_view text);

}  // namespace train_demo
