// Ollama's native API from the server's side: the calls with which a client (the ollama tools, another sarai) uses a
// model. Requests → neutral requests, neutral replies → Ollama's, errors worded as Ollama words them.
//
// Pure functions and one small state machine; no I/O and no clock: times are arguments.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::protocols::ollama {

// `embeddings` is the older /api/embeddings, for one text.
enum class Call : std::uint8_t { chat, generate, embed, embeddings };

// Without prompt or messages a call only loads the model, or unloads it with "keep_alive": 0.
enum class Action : std::uint8_t { run, load, unload };

struct ServerRequest {
    Call call = Call::chat;
    Action action = Action::run;
    llm::Request request;  // for load and unload only its model counts
};

// "stream" defaults to true, as it does there. /api/generate becomes a chat with one user message, so that the model's
// template is applied, or with "raw" a completion. Errors carry Ollama's wording.
[[nodiscard]] Result<ServerRequest> decode_request(Call call, std::string_view body);

// {"error": "…"}; of what does not fit into memory also "code": "insufficient_memory", as in OpenAI's envelope.
[[nodiscard]] boost::json::object encode_error(const Error& error);

using Moment = std::chrono::sys_time<std::chrono::nanoseconds>;

// "2026-11-23T02:11:03.901395778Z"
[[nodiscard]] std::string encode_time(Moment moment);

// Measured by the caller; zero durations are left out of the reply.
struct Durations {
    std::chrono::nanoseconds total{};
    std::chrono::nanoseconds load{};
    std::chrono::nanoseconds prompt_eval{};
    std::chrono::nanoseconds eval{};
};

// A whole OpenAI reply → the one JSON object of a call with "stream": false. `model` is the client's name for it.
// `messages`: as of LineEncoder.
[[nodiscard]] boost::json::object encode_reply(Call call, std::string_view model, const boost::json::object& reply,
                                               Moment now, const Durations& durations,
                                               std::optional<boost::json::array> messages = std::nullopt);
// The answer to Action::load and Action::unload.
[[nodiscard]] boost::json::object encode_load_reply(Call call, std::string_view model, Action action, Moment now);

// OpenAI chunks → NDJSON lines. Tool calls, which OpenAI streams in pieces, are collected and sent whole; the reason of
// the end and the usage wait for the last line.
class LineEncoder {
public:
    // `messages`: the conversation before the answer, where the last line is to have its "context".
    LineEncoder(Call call, std::string model, std::optional<boost::json::array> messages = std::nullopt)
        : call_(call), model_(std::move(model)), messages_(std::move(messages)) {}

    // Appends a line to `out` if the chunk brings text or thinking.
    void chunk(const boost::json::object& chunk, Moment now, std::string& out);
    // A line without text.
    void heartbeat(Moment now, std::string& out) const;
    // The last line, with "done": true.
    void finish(Moment now, const Durations& durations, std::string& out);
    // Instead of finish(): the line that ends a stream that failed.
    static void error(const Error& error, std::string& out);

private:
    struct ToolCall {
        std::string id;
        std::string name;
        std::string arguments;
    };
    void collect_tool_calls(const boost::json::array& calls);

    Call call_;
    std::string model_;
    std::string finish_reason_ = "stop";
    std::optional<boost::json::array> messages_;
    std::string answer_;  // so far, where messages_ are there
    boost::json::array logprobs_;
    std::optional<llm::Usage> usage_;
    std::map<std::int64_t, ToolCall> tool_calls_;  // by index
};

}  // namespace sarai::protocols::ollama
