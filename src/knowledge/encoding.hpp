// Finds out in which encoding a text file was written, so that everything behind it sees UTF-8 alone.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::knowledge {

// UTF-8 with \n line ends. A byte order mark decides; without one it is UTF-8 if all of it is, UTF-16 if every other
// byte of most characters is zero, and else windows-1252 (WHATWG's reading of Latin-1).
// Errors: unsupported, for what is no text (zero bytes, many control characters).
[[nodiscard]] Result<std::string> to_utf8(std::string_view bytes);

// True if the first bytes of a file show that it is no text; looks at 8 KiB at most.
[[nodiscard]] bool looks_binary(std::string_view head);

}  // namespace sarai::knowledge
