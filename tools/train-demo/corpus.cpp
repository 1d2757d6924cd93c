#include "corpus.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <iterator>

#include "protocols/json.hpp"

namespace train_demo {
namespace {

namespace json = sarai::protocols::json;
namespace protocols = sarai::protocols;
using sarai::Code;
using sarai::fail;
using sarai::Result;

// Calls `take` with each line's object and its place, "corpus/en.jsonl:3".
Result<void> each_line(const std::filesystem::path& file,
                       const std::function<Result<void>(const json::object&, const std::string&)>& take) {
    std::ifstream in(file);
    if (!in) return fail(Code::io, fmt::format("cannot read {}", file.string()));
    int number = 0;
    for (std::string line; std::getline(in, line);) {
        const auto where = fmt::format("{}:{}", file.string(), ++number);
        if (line.empty()) continue;
        const auto parsed = protocols::parse_json(line);
        if (!parsed)
            return fail(Code::invalid_argument,
                        fmt::format("{}: {}", where, protocols::describe(parsed.error(), line)));
        const auto* object = parsed->if_object();
        if (object == nullptr)
            return fail(Code::invalid_argument,
                        fmt::format("{}: is {}, expected an object", where, protocols::excerpt(*parsed)));
        if (auto taken = take(*object, where); !taken) return taken;
    }
    if (in.bad()) return fail(Code::io, fmt::format("cannot read {}", file.string()));
    return {};
}

Result<std::string> text_of(const json::object& object, std::string_view key, const std::string& where) {
    auto text = protocols::string_at(object, key);
    if (text.empty())
        return fail(Code::invalid_argument,
                    fmt::format("{}: {} is {}, expected a text that is not empty", where, key,
                                object.contains(key) ? protocols::excerpt(object.at(key)) : "missing"));
    return std::string(text);
}

}  // namespace

std::string_view code_of(Language language) { return language == Language::es ? "es" : "en"; }

Result<std::vector<Topic>> load_topics(const std::filesystem::path& file) {
    std::vector<Topic> topics;
    const auto read = each_line(file, [&](const json::object& object, const std::string& where) -> Result<void> {
        auto id = text_of(object, "id", where);
        if (!id) return std::unexpected(id.error());
        if (std::ranges::contains(topics, *id, &Topic::id))
            return fail(Code::invalid_argument, fmt::format("{}: id is {}, expected one that is new", where, *id));
        auto& topic = topics.emplace_back(Topic{.id = std::move(*id), .answers = {}});
        for (const auto language : all_languages) {
            auto answer = text_of(object, code_of(language), where);
            if (!answer) return std::unexpected(answer.error());
            topic.answers[static_cast<std::size_t>(language)] = std::move(*answer);
        }
        return {};
    });
    if (!read) return std::unexpected(read.error());
    return topics;
}

Result<std::vector<Question>> load_questions(const std::filesystem::path& file, Language language,
                                             const std::vector<Topic>& topics) {
    std::vector<Question> questions;
    const auto read = each_line(file, [&](const json::object& object, const std::string& where) -> Result<void> {
        const auto id = text_of(object, "id", where);
        if (!id) return std::unexpected(id.error());
        const auto topic = std::ranges::find(topics, *id, &Topic::id);
        if (topic == topics.end())
            return fail(Code::invalid_argument, fmt::format("{}: id is {}, expected that of a topic", where, *id));
        const auto* texts = protocols::array_at(object, "q");
        if (texts == nullptr)
            return fail(Code::invalid_argument, fmt::format("{}: q is missing, expected an array of questions", where));
        for (const auto& text : *texts) {
            if (!text.is_string() || text.get_string().empty())
                return fail(Code::invalid_argument,
                            fmt::format("{}: q holds {}, expected a question", where, protocols::excerpt(text)));
            questions.push_back({.text = std::string(text.get_string()),
                                 .topic = static_cast<std::size_t>(topic - topics.begin()),
                                 .language = language});
        }
        return {};
    });
    if (!read) return std::unexpected(read.error());
    return questions;
}

Result<Corpus> load_corpus(const std::filesystem::path& folder) {
    auto topics = load_topics(folder / "topics.jsonl");
    if (!topics) return std::unexpected(topics.error());
    Corpus corpus{.topics = std::move(*topics), .questions = {}};
    for (const auto language : all_languages) {
        auto questions = load_questions(folder / fmt::format("{}.jsonl", code_of(language)), language, corpus.topics);
        if (!questions) return std::unexpected(questions.error());
        std::ranges::move(*questions, std::back_inserter(corpus.questions));
    }
    return corpus;
}

}  // namespace train_demo
