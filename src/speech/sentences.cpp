#include "speech/sentences.hpp"

#include <algorithm>
#include <array>

#include "base/utf8.hpp"

namespace sarai::speech {
namespace {

constexpr std::size_t least = 40;  // bytes: "Dr." and "z. B." are no sentences, and a pause after them is wrong
constexpr std::size_t most = 400;  // some half a minute of speech

bool is_blank(char c) { return c >= '\0' && c <= ' '; }

// Does a sentence end before `at`, where a blank is? Quotes and brackets may close behind its mark.
bool ends_sentence(std::string_view text, std::size_t at) {
    static constexpr std::array<std::string_view, 6> closing{"\"", "'", ")", "]", "»", "”"};
    auto before = text.substr(0, at);
    for (bool again = true; again;) {
        again = false;
        for (const auto mark : closing)
            if (before.ends_with(mark)) {
                before.remove_suffix(mark.size());
                again = true;
            }
    }
    return before.ends_with('.') || before.ends_with('!') || before.ends_with('?') || before.ends_with("…") ||
           before.ends_with(':') || before.ends_with(';');
}

// Said as they stand: espeak-ng takes what is between these for phonemes.
std::string cleaned(std::string_view text) {
    std::string out;
    for (const char c : valid_utf8(text)) {
        const char last = out.empty() ? '\0' : out.back();
        if (is_blank(c) || c == '\x7f') {
            if (last != ' ' && !out.empty()) out += ' ';
            continue;
        }
        if (c == '[' && last == '[') out += ' ';
        out += c;
    }
    while (out.ends_with(' ')) out.pop_back();
    return out;
}

// Where to cut a piece that is too long: behind its last blank, else in the middle of what is no word.
std::size_t cut_at(std::string_view text) {
    const auto limit = utf8_floor(text, most);
    const auto blank = text.substr(0, limit).find_last_of(" \n\t");
    return blank == std::string_view::npos || blank == 0 ? limit : blank + 1;
}

}  // namespace

std::vector<std::string> split_sentences(std::string_view given) {
    const auto whole = valid_utf8(given);
    std::string_view text = whole;
    std::vector<std::string> pieces;
    const auto take = [&](std::size_t length) {
        if (auto piece = cleaned(text.substr(0, length)); !piece.empty()) pieces.push_back(std::move(piece));
        text.remove_prefix(length);
    };
    for (std::size_t at = 0; at < text.size();) {
        const bool line_ends = text[at] == '\n';
        if (line_ends || (is_blank(text[at]) && at >= least && ends_sentence(text, at))) {
            take(at + 1);
            at = 0;
        } else if (++at > most) {
            take(cut_at(text));
            at = 0;
        }
    }
    take(text.size());
    return pieces;
}

}  // namespace sarai::speech
