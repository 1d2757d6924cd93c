#include "words.hpp"

#include <algorithm>
#include <array>
#include <cstdint>

#include "base/utf8.hpp"

namespace train_demo {
namespace {

enum class Kind : std::uint8_t { space, letter, digit, sign };

struct Character {
    std::uint32_t code = 0;
    std::size_t length = 0;  // bytes
};

Character character_at(std::string_view text) {
    const auto length = std::max<std::size_t>(1, sarai::utf8_length(text));
    const auto byte = [&](std::size_t i) { return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i])); };
    std::uint32_t code = byte(0);
    if (length > 1) code &= 0x7fU >> length;
    for (std::size_t i = 1; i < length; ++i) code = (code << 6U) | (byte(i) & 0x3fU);
    return {.code = code, .length = length};
}

Kind kind_of(std::uint32_t code) {
    const auto within = [code](std::uint32_t first, std::uint32_t last) { return code >= first && code <= last; };
    if (code == ' ' || within('\t', '\r') || code == 0x85 || code == 0xa0) return Kind::space;
    if (within('0', '9') || code == 0xb2 || code == 0xb3 || code == 0xb9 || within(0xbc, 0xbe)) return Kind::digit;
    if (within('a', 'z') || within('A', 'Z') || code == 0xaa || code == 0xb5 || code == 0xba) return Kind::letter;
    if (within(0xc0, 0x2c1) && code != 0xd7 && code != 0xf7) return Kind::letter;
    if (within(0x386, 0x481) && code != 0x387 && code != 0x3f6) return Kind::letter;
    return Kind::sign;
}

// Bytes of the run of `kind` that `text` begins with.
std::size_t run_of(Kind kind, std::string_view text) {
    std::size_t at = 0;
    while (at < text.size()) {
        const auto next = character_at(text.substr(at));
        if (kind_of(next.code) != kind) break;
        at += next.length;
    }
    return at;
}

std::size_t word_length(std::string_view text) {
    static constexpr std::array<std::string_view, 7> contractions{"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};
    for (const auto ending : contractions)
        if (text.starts_with(ending)) return ending.size();
    const std::size_t blank = text.starts_with(' ') && text.size() > 1 ? 1 : 0;
    const auto kind = kind_of(character_at(text.substr(blank)).code);
    if (kind != Kind::space) return blank + run_of(kind, text.substr(blank));
    // Of several spaces the last stays with what follows.
    const auto spaces = run_of(Kind::space, text);
    if (spaces == text.size()) return spaces;
    std::size_t last = spaces - 1;
    while (last > 0 && (static_cast<unsigned char>(text[last]) & 0xc0U) == 0x80U) --last;
    return last > 0 ? last : spaces;
}

}  // namespace

std::vector<std::string_view> split_words(std::string_view text) {
    std::vector<std::string_view> words;
    while (!text.empty()) {
        const auto length = word_length(text);
        words.push_back(text.substr(0, length));
        text.remove_prefix(length);
    }
    return words;
}

}  // namespace train_demo
