// Answers as Anthropic's Messages API gives them: message objects and server-sent events.
#pragma once

#include <memory>
#include <string>

#include "gateway/face.hpp"

namespace sarai::gateway {

// `prefill`: the beginning of the answer that the client wrote itself (protocols::anthropic::prefill_of). `request_id`
// goes into an error in mid-stream, as x-request-id does into the headers.
[[nodiscard]] std::unique_ptr<Face> make_anthropic_face(std::string model, std::string prefill = {},
                                                        std::string request_id = {});

}  // namespace sarai::gateway
