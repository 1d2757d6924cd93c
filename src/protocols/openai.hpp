// The OpenAI protocol, from both sides. Its bodies are sarai's neutral form (llm/types.hpp), so nothing is translated
// here: requests are checked, replies get the model's name back, errors get their envelope.
//
// Pure functions and one small state machine; no I/O. Fields that are not known here pass through untouched.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::protocols::openai {

// ---- server side: what clients send us and get back

// Checks the body of /v1/chat/completions, /v1/completions or /v1/embeddings. Errors: invalid_argument that names the
// field, its value and what was expected; for broken JSON the position. The request looks into `body`.
[[nodiscard]] Result<llm::Request> decode_request(llm::Task task, std::string_view body);

// {"error": {"message", "type", "param", "code"}}: `code` is for programs ("model_not_found", "insufficient_memory"),
// the message includes the hint.
[[nodiscard]] boost::json::object encode_error(const Error& error);

// Appends one server-sent event with this chunk, or with an error envelope.
void append_event(std::string& out, const boost::json::object& chunk);
// The same for an event as a backend gave it: its own text where it has one.
void append_event(std::string& out, const llm::StreamEvent& event);
inline constexpr std::string_view end_of_stream = "data: [DONE]\n\n";

// ---- client side: what we send to a compatible server and get back

// The path below the server's "/v1".
[[nodiscard]] std::string_view path_of(llm::Task task);

// The request's body with `model` as the model's name and `stream` as given; the rest is untouched, and all of it where
// it says just that already.
[[nodiscard]] std::string encode_request(const llm::Request& request, bool stream, std::string_view model);

// A chunk of a raw completion as one of a chat's answer.
[[nodiscard]] llm::StreamEvent as_chat(const llm::StreamEvent& completion);

inline constexpr std::size_t most_inputs = 2048;  // of one embedding request, as in OpenAI's reference

// An embedding request in parts of at most `most` inputs each, in order; one part where there are no more.
[[nodiscard]] std::vector<std::string> encode_in_parts(const llm::Request& request, std::string_view model,
                                                       std::size_t most);
// Adds a later part's embeddings and usage to those before.
void append_part(boost::json::object& reply, boost::json::object part);

// A whole reply with the client's name for the model put back. Errors: the server's own, or Code::upstream for
// anything that is not a JSON object.
[[nodiscard]] Result<boost::json::object> decode_reply(std::string_view body, std::string_view client_model);

// A stream of server-sent events:
//
//     open ──chunk──▶ open        chunks, each given on with the client's name for the model
//     open ──[DONE]─▶ ended       proper end
//     open ──close──▶ proper end if every choice that was begun has its finish_reason, else Code::unavailable:
//                     Ollama's /v1 closes without a word when its runner dies
//     open ──error──▶ the server's Error
class StreamDecoder {
public:
    explicit StreamDecoder(std::string client_model) : model_(std::move(client_model)) {}

    // One event. nullopt at [DONE]. Errors: the server's own; Code::upstream for what is not a JSON object.
    [[nodiscard]] Result<std::optional<llm::StreamEvent>> event(std::string_view name, std::string data);
    [[nodiscard]] bool ended() const { return ended_; }
    // The connection's body has ended properly: was that the end of the answer?
    [[nodiscard]] Result<void> close() const;

private:
    // Most chunks of a stream differ in nothing but their text. What surrounds the text of the last one that was parsed
    // is kept, and a chunk of the same mould needs no parsing: its facts are known.
    struct Mould {
        std::string before;  // up to the quote that begins the text; empty: there is none
        std::string after;   // from the quote that ends it
    };

    void note_choices(const boost::json::object& chunk);
    void keep_mould(const llm::StreamEvent& event);
    [[nodiscard]] bool fits_mould(std::string_view data) const;

    std::string model_;
    Mould mould_;
    std::uint64_t begun_ = 0;     // bit i: choice i was seen
    std::uint64_t finished_ = 0;  // bit i: choice i has its finish_reason
    bool ended_ = false;
};

}  // namespace sarai::protocols::openai
