// What a message and the stream of one have in common: its head, its usage, the reason of its end.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "llm/types.hpp"

namespace sarai::protocols::anthropic {

// {"id", "type": "message", "role", "model", "content": [], "stop_reason": null, "stop_sequence": null, "usage"}; `id`
// is the neutral reply's.
[[nodiscard]] boost::json::object message_of(std::string_view id, std::string_view model,
                                             const std::optional<llm::Usage>& usage);

// Tokens that a prompt cache answered are not among "input_tokens".
[[nodiscard]] boost::json::object usage_json(const std::optional<llm::Usage>& usage);

// nullptr where there is none.
[[nodiscard]] const boost::json::object* first_choice(const boost::json::object& reply);

// The stop sequence that ended a choice, where its server tells; "" otherwise.
[[nodiscard]] std::string_view stop_sequence_of(const boost::json::object& choice);

struct End {
    std::string_view finish_reason;  // OpenAI's
    std::string_view stop_sequence;
    bool called = false;   // a tool
    bool refused = false;  // to answer
};
// Sets "stop_reason" and "stop_sequence".
void set_end(boost::json::object& out, const End& end);

// A call's arguments as OpenAI writes them, a text of JSON; {} where they are no object.
[[nodiscard]] boost::json::object input_of(std::string_view arguments);
// {"type": "tool_use", "id", "name", "input"}
[[nodiscard]] boost::json::object tool_use(std::string_view id, std::string_view name, boost::json::object input);

// The id of a call to which its server gave none: the message's with the call's place in it.
[[nodiscard]] std::string call_id(std::string_view message_id, std::size_t place);

}  // namespace sarai::protocols::anthropic
