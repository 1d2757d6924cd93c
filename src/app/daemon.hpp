// The server: pool, gateway and listener of one configuration, from start to drained end.
#pragma once

#include <sys/types.h>

#include <functional>
#include <memory>
#include <string>

#include "config/config.hpp"

namespace sarai::app {

inline constexpr const char* version = SARAI_VERSION;

struct DaemonHooks {
    // Called once requests are taken, with the base URL; preloading goes on meanwhile.
    std::function<void(const std::string& url)> on_listening;
    // Called when every preloaded model is ready or has failed.
    std::function<void(const std::string& url)> on_ready;
    pid_t stranger = 0;  // a child whose memory is not sarai's; 0: there is none
};

// Runs until SIGINT or SIGTERM. Returns the exit status.
// SIGHUP loads config.file again: models that did not change go on, a file with problems changes nothing.
// SIGTERM lets running requests end within server.drain_timeout; SIGINT gives them half a second; a second signal none.
[[nodiscard]] int run_daemon(const config::Config& config, const DaemonHooks& hooks);

}  // namespace sarai::app
