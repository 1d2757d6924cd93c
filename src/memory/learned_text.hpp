// How a plan's error bar and what was learned are shown, the same by every command and endpoint.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <string>

#include "memory/plan.hpp"

namespace sarai::memory {

// {loads, peak_bytes, last_peak_bytes, load_ms, requests, prompt_tokens_per_second, decode_tokens_per_second}; null for
// a model that was never loaded here. Speeds that were never measured are null.
[[nodiscard]] boost::json::value learned_json(const std::optional<Learned>& learned);

// Adds error_bytes, pessimistic_bytes and learned to the object that shows `plan`.
void add_error_bar(boost::json::object& shown, const ModelPlan& plan);

// "± 68.7 MiB (never loaded here)", "± 17.2 MiB (3 loads)".
[[nodiscard]] std::string error_note(const ModelPlan& plan);

}  // namespace sarai::memory
