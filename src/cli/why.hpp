// `sarai why`: what the server decided about its models, with the numbers that it weighed; `sarai stop`, `load` and
// `reload`, which ask it for something.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "cli/io.hpp"
#include "cli/server.hpp"

namespace sarai::cli {

struct WhyOptions {
    ServerChoice server;
    std::string model;  // empty: all of them
    int last = 10;
    bool json = false;
};

// GET of the last decisions about a model, or about all of them.
[[nodiscard]] std::string why_target(const std::string& model, int last);
[[nodiscard]] std::string render_decisions(const boost::json::object& answer, const Style& style, bool unicode);
[[nodiscard]] int show_decisions(const WhyOptions& options, Io& io);

// Also one in quarantine; returns when it can be asked.
[[nodiscard]] int load_model(const ServerChoice& server, const std::string& model, Io& io);
// Lets the server load its configuration's file again, and prints what has changed.
[[nodiscard]] int reload_server(const ServerChoice& server, Io& io);
// Unloads a model's worker; `drain`: once its answers have ended, which is not waited for. Returns the exit status.
[[nodiscard]] int stop_model(const ServerChoice& server, const std::string& model, bool drain, Io& io);
// Of POST /sarai/unload that waits for answers, and what its answer means: "omni is being unloaded".
[[nodiscard]] boost::json::object drain_request(const std::string& model);
[[nodiscard]] std::string stop_text(const std::string& model, const boost::json::object& answer);

}  // namespace sarai::cli
