// Answers as OpenAI's API gives them: JSON objects and server-sent events.
#pragma once

#include <memory>

#include "gateway/face.hpp"

namespace sarai::gateway {

[[nodiscard]] std::unique_ptr<Face> make_openai_face();

}  // namespace sarai::gateway
