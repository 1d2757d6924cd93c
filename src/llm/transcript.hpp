// What a client has of a streamed answer, kept so that another backend can go on with it when the first one is lost.
//
// Pure. On the undisturbed path an event costs the copy of its text.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::llm {

// The part of an answer that has reached the client.
struct Partial {
    std::string text;
    std::vector<std::size_t> ends = {};  // in `text`, of the events that brought it: mostly one token each

    [[nodiscard]] std::vector<std::string_view> pieces() const;  // views of `text`
};

// Tokens that the answer may have, as the request says; nullopt: no limit.
[[nodiscard]] std::optional<std::int64_t> token_limit(const Request& request);
// Replaces it, under whatever name it was given.
void set_token_limit(boost::json::object& body, std::int64_t limit);

// The request for what is missing, where a server continues an assistant's last message (chat) or a prompt
// (completion). `had`: tokens of `partial`, which count towards the limit.
[[nodiscard]] Request with_prefill(const Request& request, const Partial& partial, std::int64_t had);

class Transcript {
public:
    // Nothing is kept of an answer that no other backend could or may continue: partial() tells why.
    explicit Transcript(const Request& request);

    // An event that goes to the client, in order.
    void add(const StreamEvent& event);

    // Errors: unsupported, with the reason why nobody can go on: several choices, tools, a constrained form, pictures,
    // reasoning that has begun, an answer of more than 8 MiB, or its end was seen.
    [[nodiscard]] Result<Partial> partial();
    // The same without a copy, valid until the next add().
    [[nodiscard]] Result<const Partial*> so_far();

    // An event of the one that goes on, as the one that began would have sent it: its identity, no second role, usage
    // of the whole answer. `had`: tokens of the part before, which its prompt held. nullopt: nothing is left of it.
    [[nodiscard]] std::optional<StreamEvent> continued(const StreamEvent& event, std::int64_t had) const;
    // The end of an answer that had all its tokens when its backend was lost.
    [[nodiscard]] StreamEvent end_at_limit(std::int64_t prompt, std::int64_t had) const;

private:
    void read_unread();
    void give_up(std::string why);

    Task task_;
    std::string why_not_;              // empty: it can be continued
    std::vector<std::string> unread_;  // chunks that bring text alone
    std::size_t unread_size_ = 0;
    Partial partial_;
    boost::json::object first_;  // of the first chunk what tells of the whole
    bool begun_ = false;
};

}  // namespace sarai::llm
