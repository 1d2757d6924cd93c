// The state of the pool as JSON, for /sarai/status and /v1/models. Field names stay: scripts read them.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string_view>

#include "gateway/answer.hpp"

namespace sarai::gateway {

// {version, uptime_s, models: [{name, backend, state, endpoint, pid, planned_bytes, measured_bytes, peak_bytes, …}],
//  ledger: {budget_bytes, reserved_bytes, measured_bytes, own_bytes, …}, enforcement: {mode, why, level, events, …},
//  endpoints: [{name, up, …}]}; docs/api.md has all of it.
// A model has a row for its remote backend and one for its local one where that serves alone or is in memory.
[[nodiscard]] boost::json::object status_json(const Shared& shared, std::string_view version,
                                              std::chrono::seconds uptime);

// OpenAI's list, each model with an object "sarai" that tells state, backend and memory.
[[nodiscard]] boost::json::object model_json(const Shared& shared, pool::ModelIndex model);
// What `key` may use; null: everything.
[[nodiscard]] boost::json::object models_json(const Shared& shared, const config::ApiKey* key);
// The same as Anthropic's clients read it.
[[nodiscard]] boost::json::object anthropic_models_json(const Shared& shared, const config::ApiKey* key);
[[nodiscard]] boost::json::object anthropic_model_json(std::string_view name);

}  // namespace sarai::gateway
