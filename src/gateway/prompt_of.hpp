// What the router looks at of a request in its neutral form. Pure.
#pragma once

#include <string>

#include "llm/types.hpp"
#include "router/decide.hpp"

namespace sarai::gateway {

struct Prompt {
    // The user's last message. Of one that is longer than 32 KiB its beginning and its end: what is asked stands there,
    // and no request may hold up the others.
    std::string text;
    router::Facts facts;        // without what came earlier
    std::int64_t all_text = 0;  // bytes, of all messages
    bool goes_on = false;       // there was an answer before it
};

[[nodiscard]] Prompt prompt_of(const llm::Request& request);

}  // namespace sarai::gateway
