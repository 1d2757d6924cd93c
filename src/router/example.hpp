// Prompts with labels, as JSON Lines: {"text": …, "label": "hard"|"soft"|"web_query", "also": […], "lang": "es"|"en"}.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "router/classifier.hpp"

namespace sarai::router {

struct Example {
    std::string text;
    Label label = Label::hard;  // the best one
    std::vector<Label> also;    // others that a sensible person would accept
    Language language = Language::en;
    [[nodiscard]] bool accepts(Label answer) const;
};

// Errors name the place ("FILE:LINE"), the field, its value and what was expected. Blank lines are passed over.
[[nodiscard]] Result<std::vector<Example>> read_examples(std::string_view lines, std::string_view name);

// All lines of all files; a folder stands for its *.jsonl, in the order of their names.
[[nodiscard]] Result<std::vector<Example>> load_examples(std::span<const std::filesystem::path> paths);

}  // namespace sarai::router
