// `sarai plan --what-if`: a configuration with some values changed, to be planned beside the one as configured.
//
// "ctx=8192,kv=q8_0,ram=8GiB" changes every local model (and the machine), "solar.ctx=4096" that model alone, whichever
// order they are written in. Values are checked by the rows of the table of keys, so that what is accepted here is what
// a configuration accepts. Pure.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"
#include "config/problem.hpp"

namespace sarai::config {

struct WhatIf {
    Config config;                     // changed
    std::optional<Bytes> ram;          // of the machine, instead of this one's
    std::vector<std::string> changes;  // for people: "context_length of solar: 4096 instead of 2048"
};

// Keys: ctx, kv, parallel, prompt_cache, load_mode, batch (of models; the configuration's names serve as well), ram and
// budget (max_ram). Errors: one Problem, whose path is "--what-if KEY".
[[nodiscard]] std::expected<WhatIf, Problem> apply_what_if(Config config, std::string_view text);

}  // namespace sarai::config
