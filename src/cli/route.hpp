// `sarai route` and `sarai router export`: which model a prompt would reach, and what people said of such choices.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "cli/server.hpp"

namespace sarai::cli {

// The server's answer about a prompt, for people: the model and why, then what else was weighed.
[[nodiscard]] std::string render_route(const boost::json::object& answer, const Style& style);

// Returns the exit status.
[[nodiscard]] int show_route(const ServerChoice& server, const std::string& prompt, bool as_json, Io& io);

// JSON Lines as `sarai router train` reads them; `as_json`: all feedback as an array, also what nobody can learn from.
[[nodiscard]] int export_feedback(const ServerChoice& server, bool as_json, Io& io);

}  // namespace sarai::cli
