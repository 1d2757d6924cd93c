// The voices that can be asked for, as espeak-ng knows them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sarai::speech {

// Names that fix the language: es, es-419, en-us, en-gb.
[[nodiscard]] bool is_own_voice(std::string_view name);
[[nodiscard]] std::vector<std::string_view> own_voices();

// For espeak-ng's -v. OpenAI's voices (alloy, …) are variants that speak the text's `language` ("es", "en"; anything
// else: that of `usual`, one of our own voices, which is also who speaks where `name` is empty and its language fits).
// Errors: invalid_argument with the field `voice`, and all names.
[[nodiscard]] Result<std::string> find_voice(std::string_view name, std::string_view language, std::string_view usual);

}  // namespace sarai::speech
