// The items of a Responses conversation, one after the other, as the messages of a chat.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <set>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::protocols::responses {

// What an assistant says, thinks and calls in a row becomes one message: templates want user and assistant in turn.
class Conversation {
public:
    // `before`: the messages of the conversation that goes on.
    explicit Conversation(boost::json::array before);

    // Errors: invalid_argument with the path below `path`; unsupported for kinds of items and parts that are not known
    // here; a function's output without its call.
    [[nodiscard]] Result<void> add(const boost::json::object& item, const std::string& path);
    void add_user(std::string_view text);

    [[nodiscard]] boost::json::array& messages() { return messages_; }

private:
    boost::json::object& assistant();
    [[nodiscard]] Result<void> add_message(const boost::json::object& item, const std::string& path);
    [[nodiscard]] Result<void> add_reasoning(const boost::json::object& item, const std::string& path);
    [[nodiscard]] Result<void> add_call(const boost::json::object& item, const std::string& path);
    [[nodiscard]] Result<void> add_output(const boost::json::object& item, const std::string& path);

    boost::json::array messages_;
    std::set<std::string, std::less<>> call_ids_;
};

// The kind of an item: its "type", or what may be left out there; "" where it has none.
[[nodiscard]] std::string_view kind_of(const boost::json::object& item);

// An item of a request as the list of its items shows it: whole, with an id. `suffix` makes the id unique.
[[nodiscard]] boost::json::object listed(const boost::json::object& item, std::string_view suffix);

// "resp_a1" → "a1", of which the ids of its items are made: "msg_a1_0".
[[nodiscard]] std::string_view stem_of(std::string_view response_id);
// "msg_a1_0" → "resp_a1"; "" for what was not made here.
[[nodiscard]] std::string response_of(std::string_view item_id);

}  // namespace sarai::protocols::responses
