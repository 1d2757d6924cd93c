// Tells the requests of one conversation from others, without keeping anything: they begin alike.
#pragma once

#include <cstdint>

#include "llm/types.hpp"

namespace sarai::llm {

// The same for all requests of a conversation: a hash of its instructions and of the user's first message (of each no
// more than the first 1024 bytes), or of a prompt's first 1024 bytes. Conversations that begin alike count as one,
// which is right for what it is for: a server that has read the beginning need not read it again. 0: there is nothing
// to tell by, as with embeddings.
[[nodiscard]] std::uint64_t conversation_of(const Request& request);

}  // namespace sarai::llm
