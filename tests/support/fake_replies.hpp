// What a fake upstream says: the units of a stream and the whole replies of both protocols.
#pragma once

#include <string>
#include <vector>

#include "support/fake_upstream.hpp"

namespace sarai::test {

enum class Route : std::uint8_t { none, info, chat, completion, embedding, ranking };

[[nodiscard]] Route route_of(Protocol protocol, const std::string& method, const std::string& target);
[[nodiscard]] std::string token_text(const Script& script, int index);
// Tokens of the answer with which a request ends, 0 where its last message is not the assistant's.
[[nodiscard]] int tokens_had(const std::string& body, const Script& script);
// One NDJSON line or SSE event with this text.
[[nodiscard]] std::string token_unit(Protocol protocol, Route route, const std::string& text);
// The units that end a whole answer.
[[nodiscard]] std::string end_units(Protocol protocol, Route route, const Script& script);
[[nodiscard]] std::string error_unit(Protocol protocol);
[[nodiscard]] std::string garbage_unit(Protocol protocol);
[[nodiscard]] std::string heartbeat_unit(Protocol protocol);
// The reply to a request that does not ask for a stream.
[[nodiscard]] std::string whole_reply(Protocol protocol, Route route, const Script& script);
[[nodiscard]] std::string error_body(const Script& script);

}  // namespace sarai::test
