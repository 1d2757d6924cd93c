// Anthropic's Messages API from the server's side: what its clients send and get back. Requests → neutral requests,
// neutral replies and chunks → messages and the events of their streams.
//
// Pure functions and one small state machine; no I/O. Shapes are those of the API's version 2023-06-01, as its SDKs of
// 2026 write and read them.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::protocols::anthropic {

// The body of /v1/messages → a chat. Marks for a prompt cache are passed over: the backends cache every prompt.
// Thinking that is neither enabled nor disabled is left to the model. Errors: invalid_argument that names the field,
// its value and what was expected, for broken JSON the position; unsupported for tools that Anthropic's servers run
// and for content that no backend can be given.
[[nodiscard]] Result<llm::Request> decode_request(std::string_view body);
// The body of /v1/messages/count_tokens: the same, but for the length of an answer.
[[nodiscard]] Result<llm::Request> decode_count_request(std::string_view body);

// With what the client has begun the answer itself: the text of a last message that is the assistant's.
[[nodiscard]] std::string_view prefill_of(const llm::Request& request);

// A whole OpenAI reply → a message. `model` is the client's name for it. `prefill` is taken off the text: llama-server
// repeats it (only where it does not stream), clients of this API expect what comes after it.
[[nodiscard]] boost::json::object encode_reply(std::string_view model, const boost::json::object& reply,
                                               std::string_view prefill = {});

// {"type": "error", "error": {"type", "message"}, "request_id"}; the message includes the hint.
[[nodiscard]] boost::json::object encode_error(const Error& error, std::string_view request_id = {});

// OpenAI chunks → server-sent events. The blocks of a message come one after the other, each closed before the next
// begins, while the parts of OpenAI's tool calls may come mixed:
//
//     message_start ─▶ (content_block_start ─▶ content_block_delta… ─▶ content_block_stop)… ─▶ message_delta
//                   ─▶ message_stop
//
// So one block is open at a time, and what belongs to later ones waits. A text ends where something else begins, a
// tool call where its arguments are whole. Nothing is written before there is something to show: until then the
// answer may still become another backend's. What sarai notes in a chunk ("sarai_…") goes into the next event.
class EventEncoder {
public:
    explicit EventEncoder(std::string model) : model_(std::move(model)) {}

    void chunk(const boost::json::object& chunk, std::string& out);
    // A ping. Clients pass over it wherever it stands, also before message_start.
    static void heartbeat(std::string& out);
    // Closes what is open; the reason of the end and the usage, which may come in a chunk of its own, go with it.
    void finish(std::string& out);
    // Instead of finish(): the event that ends a stream that failed.
    static void error(const Error& error, std::string& out, std::string_view request_id = {});

private:
    enum class Kind : std::uint8_t { text, thinking, tool };
    struct Block {
        Kind kind = Kind::text;
        std::string pending = {};    // not written yet
        std::int64_t call = 0;       // of a tool call: its index among them,
        std::string id = {};         //
        std::string name = {};       //
        std::string arguments = {};  // and what came of them so far
    };

    void add_text(Kind kind, std::string_view text);
    void add_calls(const boost::json::array& calls);
    // Writes what can be written; at the `end` all of it.
    void advance(bool end, std::string& out);
    void start_message(std::string& out);
    void start(const Block& block, std::string& out);
    void emit(boost::json::object event, std::string& out);
    [[nodiscard]] static bool is_whole(const Block& block);

    std::string model_;
    std::string id_;
    std::optional<llm::Usage> usage_;
    std::string finish_reason_;
    std::string stop_sequence_;
    boost::json::object notes_;  // that no event has told yet
    std::vector<Block> blocks_;  // in the order of their beginnings
    std::size_t at_ = 0;         // the block that is open, or that will be next; those before are closed
    bool open_ = false;
    bool begun_ = false;
    bool refused_ = false;
};

}  // namespace sarai::protocols::anthropic
