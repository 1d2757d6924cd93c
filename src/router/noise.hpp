// Texts that are no prompts in Spanish or English: random bytes and letters, keyboards hit, other scripts. What is
// unlike training has to look unlike it, and these draw the line. Pure.
#pragma once

#include <string>
#include <vector>

#include "router/random.hpp"

namespace sarai::router {

[[nodiscard]] std::vector<std::string> make_noise(std::size_t count, Random& random);

}  // namespace sarai::router
