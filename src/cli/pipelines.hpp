// `sarai pipelines`: what works together on one answer, and in which order.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "cli/server.hpp"

namespace sarai::cli {

// What /sarai/pipelines tells, for people: each pipeline with its steps, indented by what they wait for.
[[nodiscard]] std::string render_pipelines(const boost::json::object& answer, const Style& style);

// `name`: that one alone; empty: all. Returns the exit status.
[[nodiscard]] int show_pipelines(const ServerChoice& server, const std::string& name, bool as_json, Io& io);

// Prints the configuration of those that come with the program, to be changed.
[[nodiscard]] int print_built_in_pipelines(Io& io);

}  // namespace sarai::cli
