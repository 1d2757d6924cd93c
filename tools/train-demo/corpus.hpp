// What the demo's model learns: topics with an answer in each language, and questions that lead to them.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace train_demo {

enum class Language : std::uint8_t { en, es };
inline constexpr std::array all_languages{Language::en, Language::es};
[[nodiscard]] std::string_view code_of(Language language);  // "en"

struct Topic {
    std::string id;
    std::array<std::string, all_languages.size()> answers;
    [[nodiscard]] const std::string& answer(Language language) const {
        return answers[static_cast<std::size_t>(language)];
    }
};

struct Question {
    std::string text;
    std::size_t topic = 0;
    Language language = Language::en;
};

struct Corpus {
    std::vector<Topic> topics;
    std::vector<Question> questions;
    [[nodiscard]] const std::string& answer_to(const Question& question) const {
        return topics[question.topic].answer(question.language);
    }
};

// Of lines {"id": …, "en": …, "es": …}.
[[nodiscard]] sarai::Result<std::vector<Topic>> load_topics(const std::filesystem::path& file);
// Of lines {"id": …, "q": [question…]}, whose ids must be topics'.
[[nodiscard]] sarai::Result<std::vector<Question>> load_questions(const std::filesystem::path& file, Language language,
                                                                  const std::vector<Topic>& topics);
// topics.jsonl, en.jsonl and es.jsonl. Errors: Code::io, Code::invalid_argument with file and line.
[[nodiscard]] sarai::Result<Corpus> load_corpus(const std::filesystem::path& folder);

}  // namespace train_demo
