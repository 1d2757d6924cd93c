// The pipelines that come with the program (data/pipelines/built_in.yaml): vision-expert, tone-expert, voice-assistant.
#pragma once

#include <string_view>
#include <vector>

#include "config/config.hpp"

namespace sarai::config {

// As text, for people who want to change one: `sarai pipelines show`.
[[nodiscard]] std::string_view built_in_pipelines_text();
[[nodiscard]] std::vector<Pipeline> built_in_pipelines();

}  // namespace sarai::config
