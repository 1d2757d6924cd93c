// `sarai ps`: the models of a running server and the state of its memory budget.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "cli/io.hpp"
#include "cli/server.hpp"

namespace sarai::cli {

// The reply of GET /sarai/status as a table with a bar of the budget. Values of the wrong type show as "-".
[[nodiscard]] std::string render_status(const boost::json::object& status, const Style& style, bool unicode);
// Its models as a JSON array: name, backend, state, endpoint, pid, planned_bytes, measured_bytes, peak_bytes,
// anonymous_bytes, file_bytes, over_plan_bytes.
[[nodiscard]] std::string status_as_json(const boost::json::object& status);

[[nodiscard]] int show_status(const ServerChoice& server, bool as_json, Io& io);

}  // namespace sarai::cli
