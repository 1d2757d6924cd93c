// `sarai pull NAME`: lets the server fetch a model, and shows how far it is.
#pragma once

#include <string>

#include "cli/io.hpp"
#include "cli/server.hpp"

namespace sarai::cli {

// Returns the exit status. At a terminal the error stream shows a bar; one line at the end says that it is there, and
// if nothing could tell whether it is what it should be. What was fetched by a pull that was stopped is gone on with by
// the next one.
[[nodiscard]] int pull_model(const ServerChoice& server, const std::string& name, Io& io);

}  // namespace sarai::cli
