// The architecture that a GGUF file names, from its first bytes: enough to know what its worker is started in
// (engine/amx.hpp) without asking a child, which takes up to half a second. Nothing is checked; the child does that.
// Pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace sarai::memory {

// "whisper" of a file of whisper.cpp, which is no GGUF and names nothing. Of `head`, the file's beginning; some hundred
// bytes do, since writers put the key first. nullopt: it is not there.
[[nodiscard]] std::optional<std::string> architecture_in(std::string_view head);

}  // namespace sarai::memory
