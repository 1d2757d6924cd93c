#include "cli/run_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "base/nearest.hpp"
#include "config/problem.hpp"

namespace sarai::cli {
namespace {

using Kind = RunCommand::Kind;

struct Row {
    std::string_view word;
    Kind kind;
    std::string_view example;    // of what it takes; empty: nothing
    bool alone_as_well = false;  // it has a meaning without
};
constexpr std::array commands{Row{"/bye", Kind::bye, ""},
                              Row{"/exit", Kind::bye, ""},
                              Row{"/clear", Kind::clear, ""},
                              Row{"/help", Kind::help, ""},
                              Row{"/?", Kind::help, ""},
                              Row{"/model", Kind::model, "/model lfm2"},
                              Row{"/image", Kind::image, "/image photo.png", true},
                              Row{"/audio", Kind::audio, "/audio question.wav", true},
                              Row{"/why", Kind::why, ""},
                              Row{"/plan", Kind::plan, ""},
                              Row{"/save", Kind::save, "/save talk.md"},
                              Row{"/set", Kind::set_system, "/set system Answer in one sentence."}};

constexpr std::string_view quotes = R"(""")";

// The first word, taken off `text` with the blanks behind it.
std::string_view take_word(std::string_view& text) {
    const auto end = std::min(text.find_first_of(" \t\n"), text.size());
    const auto word = text.substr(0, end);
    text = trimmed(text.substr(end));
    return word;
}

Result<std::optional<RunCommand>> unknown(std::string_view word, bool alone) {
    std::array<std::string_view, commands.size()> known;
    std::ranges::transform(commands, known.begin(), &Row::word);
    const auto meant = nearest(word, known);
    // A path, or a sentence with a slash in front.
    if (!meant && !alone) return std::nullopt;
    return fail(Code::invalid_argument, fmt::format("no command {}{}; /help lists them", config::printable(word),
                                                    meant ? fmt::format("; did you mean {}?", *meant) : ""));
}

Result<std::optional<RunCommand>> setting(std::string_view rest) {
    const auto name = take_word(rest);
    if (name == "system") return RunCommand{.kind = Kind::set_system, .argument = std::string(rest)};
    if (name != "temperature")
        return fail(Code::invalid_argument, fmt::format("/set {}; expected \"system TEXT\" or \"temperature NUMBER\"",
                                                        config::printable(name)));
    if (rest.empty()) return RunCommand{.kind = Kind::set_temperature};
    double number = 0;
    const std::string text(rest);
    const auto* const end = text.data() + text.size();
    const auto read = std::from_chars(text.data(), end, number);
    if (read.ec != std::errc() || read.ptr != end || !(number >= 0 && number <= 2))
        return fail(Code::invalid_argument,
                    fmt::format("temperature is {}; expected a number from 0 to 2", config::in_quotes(text)));
    return RunCommand{.kind = Kind::set_temperature, .number = number};
}

}  // namespace

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blank = " \t\r\n";
    const auto start = text.find_first_not_of(blank);
    if (start == std::string_view::npos) return {};
    return text.substr(start, text.find_last_not_of(blank) - start + 1);
}

Result<std::optional<RunCommand>> parse_run_command(std::string_view line) {
    auto rest = trimmed(line);
    if (!rest.starts_with('/')) return std::nullopt;
    const auto word = take_word(rest);
    const auto row = std::ranges::find(commands, word, &Row::word);
    if (row == commands.end()) return unknown(word, rest.empty());
    if (row->example.empty() != rest.empty() && !row->alone_as_well)
        return fail(Code::invalid_argument, rest.empty() ? fmt::format("{} needs something: {}", word, row->example)
                                                         : fmt::format("{} takes nothing", word));
    if (word == "/set") return setting(rest);
    if (rest.contains('\n'))
        return fail(Code::invalid_argument, fmt::format("{} takes one line, and here are several", word));
    return RunCommand{.kind = row->kind, .argument = std::string(rest)};
}

std::string_view run_help() {
    return "  /model NAME             talk with another model; the conversation stays\n"
           "  /image PATH             a picture for the next message; without PATH none of those that wait\n"
           "  /audio PATH             a recording for the next message; without PATH none of those that wait\n"
           "  /set system TEXT        what the model is to be; without TEXT nothing any more\n"
           "  /set temperature N      0 to 2; without N the model's own\n"
           "  /why                    who gave the last answer, why, and how fast\n"
           "  /plan                   what the models take of the memory\n"
           "  /save FILE              the conversation, as JSON where FILE ends in .json, else as Markdown\n"
           "  /clear                  forget the conversation\n"
           "  /help                   this list\n"
           "  /bye, Ctrl-D            leave\n"
           "  Ctrl-C                  stop the answer; twice at an empty line: leave\n"
           "  \"\"\"                     begins a text of several lines, and ends it; so does \\ at a line's end\n";
}

std::optional<std::string> TypedText::add(std::string_view line) {
    if (!open_ && trimmed(line).starts_with(quotes)) {
        open_ = quoted_ = true;
        line = line.substr(line.find(quotes) + quotes.size());
        if (line.empty()) return std::nullopt;
    }
    const auto end = line.substr(0, line.find_last_not_of(" \t\r") + 1);
    const bool closes = quoted_ && end.ends_with(quotes);
    const bool goes_on = quoted_ ? !closes : end.ends_with('\\');
    text_ += closes                ? end.substr(0, end.size() - quotes.size())
             : goes_on && !quoted_ ? end.substr(0, end.size() - 1)
                                   : line;
    open_ = goes_on;
    if (goes_on) {
        text_ += '\n';
        return std::nullopt;
    }
    auto whole = std::move(text_);
    // The line of the quotes alone is none of the text's.
    if (closes && whole.ends_with('\n')) whole.pop_back();
    forget();
    return whole;
}

}  // namespace sarai::cli
