// Answers as Ollama's native API gives them: JSON objects and NDJSON lines with durations in nanoseconds.
#pragma once

#include <memory>
#include <string>

#include "gateway/face.hpp"
#include "protocols/ollama_server.hpp"

namespace sarai::gateway {

// Durations count from the making of the face, the moment the request had arrived.
[[nodiscard]] std::unique_ptr<Face> make_ollama_face(protocols::ollama::Call call, std::string model,
                                                     std::optional<boost::json::array> messages = std::nullopt);

}  // namespace sarai::gateway
