// Answers on a unix socket: GET /health, POST /v1/audio/transcriptions as of protocols/hearing.hpp.
//
// whisper.cpp's own whisper-server listens on a port alone, which would have to be chosen before it is bound and is
// open to whoever is on this machine. Here a model that hears is a worker like llama-server: found by its socket,
// watched, stopped and reaped in the same way.
#pragma once

#include <filesystem>

#include "base/error.hpp"
#include "ear.hpp"

namespace sarai::whisper {

// Serves until the process is ended. The socket is there once this was called: whoever can connect finds it ready.
// Errors: io (cannot listen).
[[nodiscard]] Result<void> serve(Ear ear, const std::filesystem::path& socket);

}  // namespace sarai::whisper
