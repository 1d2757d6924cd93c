#include "library/modelfile.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <optional>

#include "library/name.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama_options.hpp"

namespace sarai::library {
namespace json = boost::json;
namespace ollama = protocols::ollama;
using protocols::excerpt;

namespace {

constexpr std::string_view blanks = " \t";
constexpr std::string_view quotes = "\"\"\"";
constexpr std::array<std::string_view, 4> not_ours{"adapter", "draft", "renderer", "parser"};

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

// The first word, which is taken from `text` with the blanks after it.
std::string_view take_word(std::string_view& text) {
    text = trim(text);
    const auto word = text.substr(0, text.find_first_of(blanks));
    text = trim(text.substr(word.size()));
    return word;
}

class Parser {
public:
    explicit Parser(std::string_view text) : rest_(text) {
        constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
        if (rest_.starts_with(byte_order_mark)) rest_.remove_prefix(byte_order_mark.size());
    }

    Result<Modelfile> run() {
        while (!rest_.empty()) {
            auto line = trim(next_line());
            if (line.empty() || line.starts_with('#')) continue;
            begun_ = line_;
            const auto instruction = take_word(line);
            if (auto taken = take(instruction, line); !taken) return std::unexpected(taken.error());
        }
        if (out_.from.empty()) return fail(Code::invalid_argument, "no FROM line in the Modelfile");
        return std::move(out_);
    }

private:
    std::string_view next_line() {
        ++line_;
        const auto end = std::min(rest_.find('\n'), rest_.size());
        auto line = rest_.substr(0, end);
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        if (line.ends_with('\r')) line.remove_suffix(1);
        return line;
    }

    [[nodiscard]] std::unexpected<Error> wrong(std::string what, Code code = Code::invalid_argument) const {
        return std::unexpected(
            Error{.code = code, .message = fmt::format("line {}: {}", begun_, what), .field = "modelfile"});
    }

    // A value in quotes goes on over further lines until one ends with the same quotes.
    Result<std::string> value(std::string_view first) {
        for (const auto mark : {quotes, quotes.substr(0, 1)}) {
            if (!first.starts_with(mark)) continue;
            std::string text(first.substr(mark.size()));
            while (!trim(text).ends_with(mark)) {
                if (rest_.empty()) return wrong(fmt::format("the quotes ({}) are not closed", mark));
                text.append("\n").append(next_line());
            }
            text.resize(text.find_last_not_of(blanks) + 1 - mark.size());
            return text;
        }
        return std::string(first);
    }

    Result<void> take(std::string_view instruction, std::string_view rest) {
        const auto name = lower(instruction);
        if (std::ranges::contains(not_ours, name))
            return wrong(fmt::format("{} is not supported", excerpt(instruction)), Code::unsupported);
        if (name == "parameter") return take_parameter(rest);
        if (name == "message") return take_message(rest);
        std::string* single = name == "template" ? &out_.recipe.chat_template
                              : name == "system" ? &out_.recipe.system
                                                 : nullptr;
        if (single == nullptr && name != "from" && name != "license" && name != "requires")
            return wrong(
                fmt::format("\"{}\" is no instruction; expected FROM, PARAMETER, TEMPLATE, SYSTEM, MESSAGE "
                            "or LICENSE",
                            excerpt(instruction)));
        auto text = value(rest);
        if (!text) return std::unexpected(text.error());
        if (single != nullptr)
            *single = std::move(*text);
        else if (name == "license")
            out_.recipe.licenses.push_back(std::move(*text));
        else if (name == "from" && text->empty())
            return wrong("FROM names nothing; expected a model or a file");
        else if (name == "from")
            out_.from.push_back(std::move(*text));
        return {};
    }

    Result<void> take_message(std::string_view rest) {
        const auto role = take_word(rest);
        if (!ollama::is_message_role(role))
            return wrong(fmt::format("MESSAGE is of \"{}\"; expected system, user or assistant", excerpt(role)));
        auto text = value(rest);
        if (!text) return std::unexpected(text.error());
        out_.recipe.messages.push_back({.role = std::string(role), .content = std::move(*text)});
        return {};
    }

    Result<void> take_parameter(std::string_view rest) {
        const std::string name(take_word(rest));
        const auto text = value(rest);
        if (!text) return std::unexpected(text.error());
        if (ollama::is_retired_option(name)) return {};
        const auto expected = [&](std::string_view what) {
            return wrong(fmt::format("PARAMETER {} is \"{}\"; expected {}", name, excerpt(*text), what));
        };
        auto& parameters = out_.recipe.parameters;
        if (ollama::is_switch(name)) {
            if (*text != "true" && *text != "false") return expected("true or false");
            parameters[name] = *text == "true";
            return {};
        }
        const auto type = ollama::type_of_option(name);
        if (!type) return wrong(fmt::format("\"{}\" is no parameter that is known here", excerpt(name)));
        switch (*type) {
            case ollama::OptionType::strings: {
                auto& all = parameters[name];
                if (!all.is_array()) all = json::array();
                all.get_array().emplace_back(*text);
                return {};
            }
            case ollama::OptionType::integer: return take_number<std::int64_t>(name, *text, expected, "an integer");
            case ollama::OptionType::real: return take_number<double>(name, *text, expected, "a number");
        }
        return {};
    }

    template <class Number>
    Result<void> take_number(const std::string& name, std::string_view text, const auto& expected,
                             std::string_view what) {
        Number number{};
        const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
        if (ec != std::errc{} || end != text.data() + text.size() || !(std::abs(static_cast<double>(number)) < 1e15))
            return expected(what);  // the last: "inf" and "nan" are numbers to from_chars
        out_.recipe.parameters[name] = number;
        return {};
    }

    std::string_view rest_;
    int line_ = 0;
    int begun_ = 0;  // the line of the instruction
    Modelfile out_;
};

std::string in_quotes(std::string_view text) {
    const bool plain = !text.empty() && trim(text) == text && !text.contains('\n') && !text.starts_with('"');
    return plain ? std::string(text) : fmt::format("{}{}{}", quotes, text, quotes);
}

// Calls `line(name, value)`, for an array with each element.
void each_parameter(const json::object& parameters, const auto& line) {
    for (const auto& [name, value] : parameters)
        if (const auto* all = value.if_array())
            for (const auto& element : *all) line(std::string_view(name), element);
        else
            line(std::string_view(name), value);
}

// Boost.JSON would write 0.7 as 7E-1.
std::string text_of(const json::value& value) {
    return value.is_double() ? fmt::format("{}", value.get_double()) : json::serialize(value);
}

}  // namespace

Result<Modelfile> parse_modelfile(std::string_view text) { return Parser(text).run(); }

std::string print_modelfile(const Modelfile& modelfile) {
    const auto& recipe = modelfile.recipe;
    std::string out;
    for (const auto& from : modelfile.from) out += fmt::format("FROM {}\n", from);
    if (!recipe.chat_template.empty()) out += fmt::format("TEMPLATE {}\n", in_quotes(recipe.chat_template));
    if (!recipe.system.empty()) out += fmt::format("SYSTEM {}\n", in_quotes(recipe.system));
    each_parameter(recipe.parameters, [&](std::string_view name, const json::value& value) {
        out +=
            fmt::format("PARAMETER {} {}\n", name, value.is_string() ? in_quotes(value.get_string()) : text_of(value));
    });
    for (const auto& license : recipe.licenses) out += fmt::format("LICENSE {}\n", in_quotes(license));
    for (const auto& message : recipe.messages)
        out += fmt::format("MESSAGE {} {}\n", message.role, in_quotes(message.content));
    return out;
}

std::string print_parameters(const json::object& parameters) {
    std::string out;
    each_parameter(parameters, [&](std::string_view name, const json::value& value) {
        if (!out.empty()) out += '\n';
        out += fmt::format("{:<30} {}", name, text_of(value));
    });
    return out;
}

}  // namespace sarai::library
