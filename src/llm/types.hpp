// What crosses the boundary between a protocol (OpenAI, Ollama, Anthropic) and a backend (local worker, Ollama,
// OpenAI-compatible server).
//
// The neutral form of a request is the OpenAI request body and the neutral form of an event is the OpenAI streaming
// chunk: the richest of the three, and what the two commonest backends speak, so that on the hot path nothing is
// translated and fields that we do not know pass through untouched. Every other codec translates to and from it.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace sarai::llm {

// `rerank` scores documents by a query, see protocols/rerank.hpp; `transcription` writes down what is said in a
// recording, see protocols/hearing.hpp. The last three answer a question about text instead of going on with it:
// `tokenize` and `detokenize` as llama-server has them ({"content"} → {"tokens"}, and back), `count` the tokens of the
// prompt that a chat's body becomes ({"tokens": 12}).
enum class Task : std::uint8_t { chat, completion, embedding, rerank, transcription, tokenize, detokenize, count };

[[nodiscard]] std::string_view name_of(Task task);
[[nodiscard]] constexpr bool generates(Task task) { return task == Task::chat || task == Task::completion; }

// A request whose outer shape was checked by its codec: `body` is an OpenAI request object for `task`; `model` is the
// name that the client used and stands in `body` as well. Backends replace it with the name that their server knows.
struct Request {
    Task task = Task::chat;
    std::string model;
    bool stream = false;
    boost::json::object body;
    std::string id = {};  // request id, for logs
    // `body` as the client wrote it, in the client's own request, which outlives this one; empty where `body` was made
    // from something else. Spares writing again what was just read, where a backend has nothing to change.
    std::string_view text = {};
    // For servers that are asked: W3C's trace context, our own span in it; empty: the client has none.
    std::string traceparent = {};
    // Also for them: who has passed it on so far, this server last (Via, RFC 9110, 7.6.3); empty: no server is asked.
    std::string via = {};
    // Bytes of its text where the client's body does not tell; 0: it does. Of a rerank request those that a
    // model reads at once: the query and the longest document.
    std::size_t size = 0;
    bool media_ready = false;  // what it brings beside text is as models are given it
    // How long a local worker is to stay after it (Ollama's keep_alive); negative: for ever; absent: nothing was said.
    std::optional<std::chrono::milliseconds> keep_alive = {};
    // The client allows another backend to go on with a streamed answer that lost its own (x-sarai-failover: off).
    bool may_fail_over = true;
    // Asked while the server that has it hangs: would somebody else have it now? Gone, or never there: no.
    std::weak_ptr<const std::function<bool()>> may_move = {};
};

// Of an embedding request: may inputs that are too long be cut (Ollama's `truncate`), and the bytes of its longest one.
[[nodiscard]] bool may_truncate(const Request& request);
[[nodiscard]] std::size_t longest_input(const Request& request);
// Of a chat: does it bring pictures, sound, films or other files?
[[nodiscard]] bool has_media(const Request& request);
// Of a completion: is it to fill in the middle of a text (`suffix`)?
[[nodiscard]] bool wants_infill(const Request& request);

// Tokens. `cached` are those of `prompt` that a prompt cache answered.
struct Usage {
    std::int64_t prompt_tokens = 0;
    std::int64_t completion_tokens = 0;
    std::int64_t cached_tokens = 0;
};

// How long a local worker took for what it computed itself; cached tokens are not among those of the prompt.
struct Rates {
    std::int64_t prompt_tokens = 0;
    double prompt_seconds = 0;
    std::int64_t decode_tokens = 0;
    double decode_seconds = 0;
};

// One OpenAI streaming chunk ("object": "chat.completion.chunk" or "text_completion").
class StreamEvent {
public:
    // `text`: the chunk's JSON as it came, where nothing had to be changed in it; empty otherwise.
    explicit StreamEvent(boost::json::object chunk, std::string text = {})
        : text_(std::move(text)), chunk_(std::move(chunk)) {}
    // A chunk that brings new answer text to its one choice and nothing else: no end, no usage. `text` is valid JSON;
    // it is parsed only if somebody asks for the chunk.
    [[nodiscard]] static StreamEvent only_text(std::string text);

    [[nodiscard]] const boost::json::object& chunk() const;
    // Spares the hot path from writing again what it has just read.
    [[nodiscard]] const std::string& text() const { return text_; }
    [[nodiscard]] bool is_only_text() const { return only_text_; }

private:
    StreamEvent() = default;

    std::string text_;
    mutable std::optional<boost::json::object> chunk_;
    bool only_text_ = false;
};

// New answer text in an event (first choice), "" where there is none.
[[nodiscard]] std::string_view text_of(const StreamEvent& event);
// True if the event brings anything that a user sees: text, reasoning, a tool call.
[[nodiscard]] bool has_output(const StreamEvent& event);
// "stop", "length", "tool_calls" … of the first choice; "" before the end.
[[nodiscard]] std::string_view finish_reason_of(const StreamEvent& event);
// The "usage" of a chunk or of a whole reply, else what llama-server's "timings" tell of it, where it has one of them.
[[nodiscard]] std::optional<Usage> usage_of(const boost::json::object& chunk_or_reply);
// llama-server's "timings" of a chunk or of a whole reply: it sends them with the last chunk, or with every one where
// the client asked for that.
[[nodiscard]] std::optional<Rates> rates_of(const boost::json::object& chunk_or_reply);

}  // namespace sarai::llm
