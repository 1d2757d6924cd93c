#include "router/example.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <iterator>

#include "protocols/json.hpp"

namespace sarai::router {
namespace {

namespace json = protocols::json;
constexpr std::string_view label_names = R"("hard", "soft" or "web_query")";

class ExampleLine {
public:
    explicit ExampleLine(std::string where) : where_(std::move(where)) {}

    Result<Example> read(std::string_view text) const {
        const auto parsed = protocols::parse_json(text);
        if (!parsed)
            return fail(Code::invalid_argument,
                        fmt::format("{}: {}", where_, protocols::describe(parsed.error(), text)));
        const auto* object = parsed->if_object();
        if (object == nullptr) return wrong("", &*parsed, R"(an object {"text": …, "label": …, "lang": …})");
        for (const auto& [key, value] : *object)
            if (key != "text" && key != "label" && key != "also" && key != "lang")
                return wrong(key, &value, "no such field: text, label, also and lang are known");
        Example made;
        const auto* prompt = protocols::find(*object, "text");
        if (prompt == nullptr || !prompt->is_string() ||
            prompt->get_string().find_first_not_of(" \t\r\n") == std::string_view::npos)
            return wrong("text", prompt, "a prompt that is not empty");
        made.text = prompt->get_string();
        const auto* label = protocols::find(*object, "label");
        const auto named = label_of(label);
        if (!named) return wrong("label", label, label_names);
        made.label = *named;
        if (auto also = read_also(*object, made.label))
            made.also = std::move(*also);
        else
            return std::unexpected(also.error());
        const auto* language = protocols::find(*object, "lang");
        const auto code = protocols::string_at(*object, "lang");
        if (code != "es" && code != "en") return wrong("lang", language, R"("es" or "en")");
        made.language = code == "es" ? Language::es : Language::en;
        return made;
    }

private:
    static std::optional<Label> label_of(const json::value* value) {
        return value != nullptr && value->is_string() ? label_named(value->get_string()) : std::nullopt;
    }
    Result<std::vector<Label>> read_also(const json::object& object, Label label) const {
        std::vector<Label> labels;
        const auto* also = protocols::find(object, "also");
        if (also == nullptr) return labels;
        if (!also->is_array()) return wrong("also", also, "an array of further labels");
        for (const auto& one : also->get_array()) {
            const auto named = label_of(&one);
            if (!named) return wrong("also", &one, label_names);
            if (*named == label || std::ranges::contains(labels, *named))
                return wrong("also", &one, "labels other than those already given");
            labels.push_back(*named);
        }
        return labels;
    }
    std::unexpected<Error> wrong(std::string_view field, const json::value* value, std::string_view expected) const {
        Error error{.code = Code::invalid_argument, .message = {}, .field = std::string(field)};
        const auto found = value == nullptr ? std::string("missing") : protocols::excerpt(*value);
        error.message = field.empty() ? fmt::format("{}: {}; expected {}", where_, found, expected)
                                      : fmt::format("{}: {}: {}; expected {}", where_, field, found, expected);
        return std::unexpected(std::move(error));
    }
    std::string where_;
};

Result<std::string> read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file.is_open() || file.bad()) return fail(Code::not_found, fmt::format("cannot read {}", path.string()));
    return text;
}

Result<std::vector<std::filesystem::path>> files_of(const std::filesystem::path& path) {
    std::error_code error;
    if (!std::filesystem::is_directory(path, error)) return std::vector{path};
    std::vector<std::filesystem::path> files;
    for (std::filesystem::directory_iterator it(path, error), end; !error && it != end; it.increment(error))
        if (it->path().extension() == ".jsonl") files.push_back(it->path());
    std::ranges::sort(files);
    if (files.empty()) return fail(Code::not_found, fmt::format("no *.jsonl in {}", path.string()));
    return files;
}

}  // namespace

bool Example::accepts(Label answer) const { return answer == label || std::ranges::contains(also, answer); }

Result<std::vector<Example>> read_examples(std::string_view lines, std::string_view name) {
    std::vector<Example> examples;
    for (std::size_t number = 1; !lines.empty(); ++number) {
        const auto end = std::min(lines.find('\n'), lines.size());
        const auto line = lines.substr(0, end);
        lines.remove_prefix(std::min(end + 1, lines.size()));
        if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
        auto example = ExampleLine(fmt::format("{}:{}", name, number)).read(line);
        if (!example) return std::unexpected(std::move(example.error()));
        examples.push_back(std::move(*example));
    }
    return examples;
}

Result<std::vector<Example>> load_examples(std::span<const std::filesystem::path> paths) {
    std::vector<Example> all;
    for (const auto& path : paths) {
        const auto files = files_of(path);
        if (!files) return std::unexpected(files.error());
        for (const auto& file : *files) {
            const auto text = read_file(file);
            if (!text) return std::unexpected(text.error());
            auto examples = read_examples(*text, file.string());
            if (!examples) return std::unexpected(std::move(examples.error()));
            std::ranges::move(*examples, std::back_inserter(all));
        }
    }
    if (all.empty())
        return fail(Code::invalid_argument, "no prompts in what was given",
                    "A line is {\"text\": …, \"label\": …, \"lang\": …}.");
    return all;
}

}  // namespace sarai::router
