// What a search is for, as far as its cache depends on it. Pure.
#pragma once

#include <string>
#include <string_view>

namespace sarai::web {

// One line without blanks at its ends, at most 400 bytes, which search engines cut at in any case; never inside a
// character.
[[nodiscard]] std::string tidy(std::string_view question);

// The same question however it is spaced and capitalised (ASCII).
[[nodiscard]] std::string cache_key(std::string_view question);

// Is it about now, so that an answer of an hour ago may be wrong? By words in Spanish and English: today, news, price,
// weather, hoy, noticias, precio…; `year` is the current one, which says as much.
[[nodiscard]] bool is_about_now(std::string_view question, int year);

}  // namespace sarai::web
