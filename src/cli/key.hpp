// `sarai key NAME`: a new API key, which nobody but its owner keeps.
#pragma once

#include <string>

#include "cli/io.hpp"

namespace sarai::cli {

// 256 random bits as "sk-sarai-" and 64 hexadecimal digits.
[[nodiscard]] std::string random_key();

// Prints the key, and its hash as a configuration has it.
int make_key(const std::string& owner, Io& io);

}  // namespace sarai::cli
