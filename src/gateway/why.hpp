// The pool's last decisions, as `GET /sarai/why` and `sarai why` show them.
#pragma once

#include <boost/json/object.hpp>
#include <optional>

#include "gateway/answer.hpp"

namespace sarai::gateway {

// {decisions: [{model, event, outcome, at, age_s, times, asked_bytes, free_bytes,
//               options: [{what, needs_bytes, cost_ms, possible, note}]}]}, the latest first.
// `at` is RFC 3339 in UTC; costs are explained in pool/decision.hpp.
[[nodiscard]] boost::json::object why_json(const Shared& shared, std::optional<pool::ModelIndex> model,
                                           std::size_t last);

// One parameter of a query, percent-decoded; nullopt where it is missing.
[[nodiscard]] std::optional<std::string> query_parameter(std::string_view query, std::string_view name);
[[nodiscard]] std::string percent_decoded(std::string_view text);

}  // namespace sarai::gateway
