#include "router/noise.hpp"

#include <array>
#include <string_view>

namespace sarai::router {
namespace {

std::string from(std::string_view letters, std::size_t words, Random& random) {
    std::string text;
    for (std::size_t i = 0; i < words; ++i) {
        if (i > 0) text += ' ';
        for (std::size_t k = 2 + random.below(9); k > 0; --k) text += letters[random.below(letters.size())];
    }
    return text;
}

// Consonants and vowels in turn: it can be spoken, and is of no language.
std::string babble(std::size_t words, Random& random) {
    static constexpr std::string_view consonants = "bcdfghjklmnpqrstvwxyz";
    static constexpr std::string_view vowels = "aeiou";
    std::string text;
    for (std::size_t i = 0; i < words; ++i) {
        if (i > 0) text += ' ';
        for (std::size_t k = 1 + random.below(4); k > 0; --k) {
            text += consonants[random.below(consonants.size())];
            text += vowels[random.below(vowels.size())];
            if (random.chance(0.3F)) text += consonants[random.below(consonants.size())];
        }
    }
    return text;
}

std::string bytes(Random& random) {
    std::string text;
    for (std::size_t i = 8 + random.below(200); i > 0; --i) text += static_cast<char>(random.below(256));
    return text;
}

std::string script(Random& random) {
    static constexpr std::array<std::pair<char32_t, char32_t>, 6> ranges{
        {{0x430, 0x44f}, {0x3b1, 0x3c9}, {0x627, 0x64a}, {0x5d0, 0x5ea}, {0x904, 0x939}, {0x4e00, 0x4fff}}};
    const auto [low, high] = ranges[random.below(ranges.size())];
    std::string text;
    for (std::size_t i = 10 + random.below(60); i > 0; --i) {
        const auto code = static_cast<unsigned>(low + random.below(high - low));
        if (code < 0x800) {
            text += static_cast<char>(0xc0U | (code >> 6U));
        } else {
            text += static_cast<char>(0xe0U | (code >> 12U));
            text += static_cast<char>(0x80U | ((code >> 6U) & 0x3fU));
        }
        text += static_cast<char>(0x80U | (code & 0x3fU));
        if (random.chance(0.15F)) text += ' ';
    }
    return text;
}

}  // namespace

std::vector<std::string> make_noise(std::size_t count, Random& random) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < count; ++i) {
        const auto words = 2 + random.below(12);
        switch (i % 6) {
            case 0: texts.push_back(from("abcdefghijklmnopqrstuvwxyz", words, random)); break;
            case 1: texts.push_back(from("asdfghjklqwertyuiop", words, random)); break;
            case 2: texts.push_back(from("eeeeaaaiiooonnrrttsslldcump", words, random)); break;
            case 3: texts.push_back(babble(words, random)); break;
            case 4: texts.push_back(bytes(random)); break;
            default: texts.push_back(script(random)); break;
        }
    }
    return texts;
}

}  // namespace sarai::router
