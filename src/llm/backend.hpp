// Something that answers requests: a local worker, an Ollama box, an OpenAI-compatible server. All look alike.
//
// A Backend serves one model on one server, is shared by many requests, and belongs to the io thread, as do the streams
// it hands out. Cancelling the awaiting coroutine (asio cancellation) or destroying the EventStream stops the work at
// the server by closing the connection.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>

#include "base/error.hpp"
#include "llm/transcript.hpp"
#include "llm/types.hpp"

namespace sarai::llm {

class EventStream {
public:
    virtual ~EventStream() = default;
    // The next event; nullopt after a proper end (the server's own end marker was seen). A connection that closes
    // without that marker is Code::unavailable, silence beyond the budget Code::timeout, an in-stream error of the
    // server keeps its own kind. Not to be called again after nullopt or an error.
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::optional<StreamEvent>>> next() = 0;
    // True if next() will not wait, neither for an event nor for the end: what has arrived together can be sent on
    // together.
    [[nodiscard]] virtual bool ready() const { return false; }
};

// A stream that goes on with an answer that another backend began. It brings what is missing and no more; its counts
// are its own: Transcript::continued() makes them those of the whole answer.
struct Resumed {
    std::unique_ptr<EventStream> events;  // null: the part before has all the tokens that the answer may have
    std::int64_t had = 0;                 // tokens of the part before; exact where the backend has a tokenizer to ask
    std::int64_t prompt = 0;              // tokens of the prompt, where the stream is null
    bool exact = false;                   // it has the tokens of the part before, not only its text
};

// Reads ahead what there is of another backend's answer, so that resume() finds most of it read.
class Standby {
public:
    virtual ~Standby() = default;
    struct Progress {
        std::int64_t read = 0;   // tokens of the prompt and the answer so far that the backend keeps
        std::int64_t known = 0;  // and all of them
    };
    // A short piece of work, so that whoever needs the backend waits no longer than that. `so_far` is read before the
    // first wait. Not after an error.
    [[nodiscard]] virtual boost::asio::awaitable<Result<Progress>> step(const Partial& so_far) = 0;
    // Somebody else had the backend since: what was read is lost.
    virtual void forget() = 0;
};

// Reads a prompt that is still being written, as far as it is known, so that the request finds most of it read.
class PromptReader {
public:
    virtual ~PromptReader() = default;
    // As of Standby::step(). `request` is a chat whose last message ends where the text is known; `until` is how that
    // known text ends, without blanks behind it. Errors: unsupported where the model's template changes the text.
    [[nodiscard]] virtual boost::asio::awaitable<Result<Standby::Progress>> step(const Request& request,
                                                                                 std::string until) = 0;
    virtual void forget() = 0;
};

class Backend {
public:
    virtual ~Backend() = default;
    // The whole answer as one OpenAI reply object.
    [[nodiscard]] virtual boost::asio::awaitable<Result<boost::json::object>> complete(const Request& request) = 0;
    // Starts a stream. Returns once the server has accepted the request (its status line was seen and is 200).
    [[nodiscard]] virtual boost::asio::awaitable<Result<std::unique_ptr<EventStream>>> stream(
        const Request& request) = 0;
    // Goes on with an answer of which the client has `partial`, streamed. Errors: upstream where this backend cannot
    // continue what another began, else as of stream().
    [[nodiscard]] virtual boost::asio::awaitable<Result<Resumed>> resume(const Request& request,
                                                                         const Partial& partial) = 0;
    // For an answer to `request` that another backend is giving. Null: this one can read nothing ahead.
    [[nodiscard]] virtual std::unique_ptr<Standby> stand_by(const Request& /*request*/) { return nullptr; }
    // Null: it reads no prompts ahead.
    [[nodiscard]] virtual std::unique_ptr<PromptReader> read_prompts() { return nullptr; }
};

}  // namespace sarai::llm
