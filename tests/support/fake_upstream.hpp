// An upstream that misbehaves on request: an HTTP server in the test's own process that plays Ollama or an
// OpenAI-compatible server, on a port that the system chose.
//
// It runs on a thread of its own; all members may be called from any thread. Each request for an answer takes the next
// script from the queue, or the default one. Tokens are deterministic: "t0 t1 t2 …", so a test knows the whole text. A
// chat whose last message is the assistant's is gone on with from there, as by servers that continue answers.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace sarai::test {

enum class Protocol : std::uint8_t { ollama, openai };

enum class Fault : std::uint8_t {
    none,
    silent,            // reads the request and never answers
    stall,             // after `after` tokens nothing more comes, the connection stays open
    heartbeat,         // as stall, but comments (or blank lines) keep coming
    reset,             // after `after` tokens the connection is reset (RST)
    truncate,          // after `after` tokens the connection is closed inside a chunk
    clean_close,       // after `after` tokens the body ends properly, without the protocol's end marker
    no_marker,         // OpenAI: whole answer with finish_reason, but no [DONE]
    garbage,           // after `after` tokens a line of broken JSON
    error_line,        // after `after` tokens an error inside the stream
    split_code_point,  // none, but each token is "ñ" and every byte is a chunk of its own
};

struct Script {
    Fault fault = Fault::none;
    int after = 2;           // tokens before the fault
    int tokens = 5;          // of a whole answer
    std::string token = {};  // each of them; empty: "t0 ", "t1 " …
    unsigned status = 200;
    std::string retry_after = {};              // header
    std::string body = {};                     // instead of the usual answer, as one piece of JSON
    std::chrono::milliseconds head_delay{0};   // before the status line
    std::chrono::milliseconds body_delay{0};   // between head and first token
    std::chrono::milliseconds token_delay{0};  // before each token but the first
};

struct SeenRequest {
    std::string method;
    std::string target;
    std::string authorization;
    std::string body;
};

class FakeUpstream {
public:
    explicit FakeUpstream(Protocol protocol);
    ~FakeUpstream();
    FakeUpstream(const FakeUpstream&) = delete;
    FakeUpstream& operator=(const FakeUpstream&) = delete;

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::string url() const;  // without a path

    void then(Script script);         // for the next request that has none yet
    void set_default(Script script);  // for all others
    // Instead of both, for requests for an answer; called on the upstream's thread.
    void set_chooser(std::function<Script()> chooser);

    // Refuses connections while keeping the port; listen() takes them again.
    void refuse();
    void listen();

    [[nodiscard]] std::vector<SeenRequest> requests() const;
    [[nodiscard]] std::size_t connections() const;  // accepted so far
    [[nodiscard]] int active() const;               // requests being answered, those for information not counted
    [[nodiscard]] int most_active() const;          // at one time
    [[nodiscard]] int disconnects() const;          // clients that left before their answer's end
    // Waits until so many were seen; false if it takes longer than a few seconds.
    [[nodiscard]] bool wait_for_disconnects(int count) const;
    [[nodiscard]] bool wait_until_active(int count) const;

    // The text of an answer of so many tokens.
    [[nodiscard]] static std::string text(int tokens);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sarai::test
