// What a pipeline's steps may use of the request that it answers. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <map>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "llm/types.hpp"

namespace sarai::pipelines {

enum class Medium : std::uint8_t { image, audio, video };

// A part of the user's last message that is no text, as it stands in the neutral request; or what was made of it, which
// may be several (a film's frames and sound).
struct Attachment {
    Medium medium = Medium::image;
    boost::json::array parts;
    std::size_t message = 0, index = 0;  // where it stands: messages[].content[]
};

struct Inputs {
    std::string text;                                 // of the user's last message
    std::vector<Attachment> attachments;              // of it
    std::string system;                               // the client's system prompts, joined
    boost::json::array history;                       // messages before the last user's, without system prompts
    boost::json::array prefill;                       // messages after it: an answer that has begun
    std::vector<std::size_t> history_at, prefill_at;  // where each of them stands among the request's messages
    std::map<std::string, std::string> parameters;
    std::string language;  // "es", "en" or "other"

    [[nodiscard]] int count(Medium medium) const;
};

// `language` is what the router makes of the text; a parameter "language" of the request says otherwise.
// Errors: invalid_argument, for a request that is no chat, has no user's message, or sets a parameter that the pipeline
// does not have; `field` names it.
[[nodiscard]] Result<Inputs> read_inputs(const config::Pipeline& pipeline, const llm::Request& request,
                                         std::string language);

}  // namespace sarai::pipelines
