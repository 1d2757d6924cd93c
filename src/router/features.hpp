// What the router knows of a prompt: hashes of words, of their order, of their letters, and of the text's build. Pure.
//
// Of long texts only the beginning and the end count, as there stands what is asked; so the time has an upper bound.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "router/tokens.hpp"

namespace sarai::router {

// Features of one slot are pooled into one vector.
enum class Slot : std::uint8_t { words, order, letters, first, last, build };
inline constexpr std::size_t slot_count = 6;

struct Feature {
    std::uint32_t hash = 0;  // never 0
    Slot slot = Slot::words;
    bool lexical = false;  // counts for familiarity: words and their letters
    auto operator<=>(const Feature&) const = default;
};

inline constexpr std::size_t most_leading_bytes = 3000;
inline constexpr std::size_t most_trailing_bytes = 2000;

// The part of a text that counts: all of it, or its beginning and its end with a line break between.
[[nodiscard]] std::string_view leading_part(std::string_view text);
[[nodiscard]] std::string_view trailing_part(std::string_view text);  // empty where the leading part is all

[[nodiscard]] std::vector<Feature> features_of(std::string_view text);

}  // namespace sarai::router
