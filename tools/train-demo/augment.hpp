// Questions as people type them: other case, no signs, slips of the keyboard, a polite word before or after.
#pragma once

#include <string>

#include "corpus.hpp"
#include "router/random.hpp"

namespace train_demo {

[[nodiscard]] std::string vary(const std::string& question, Language language, sarai::router::Random& random);

// The steps of it, each of which changes what it says every time.
[[nodiscard]] std::string without_signs(const std::string& text);    // ¿?¡!. at the ends
[[nodiscard]] std::string without_accents(const std::string& text);  // á becomes a, and ñ stays
[[nodiscard]] std::string with_slip(const std::string& text, sarai::router::Random& random);
[[nodiscard]] std::string without_words(const std::string& text, sarai::router::Random& random);
[[nodiscard]] std::string reordered(const std::string& text, sarai::router::Random& random);

}  // namespace train_demo
