// The known word that somebody probably meant, for "did you mean …?".
#pragma once

#include <optional>
#include <span>
#include <string_view>

namespace sarai {

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other (optimal string
// alignment). Upper and lower case are the same letter.
[[nodiscard]] std::size_t edit_distance(std::string_view a, std::string_view b);

// The closest candidate, the first of several; nothing where even that one differs in more than a third of its letters,
// since a far-fetched suggestion is worse than none.
[[nodiscard]] std::optional<std::string_view> nearest(std::string_view word,
                                                      std::span<const std::string_view> candidates);

}  // namespace sarai
