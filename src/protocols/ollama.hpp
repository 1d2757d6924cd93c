// Ollama's native API from the client's side: neutral requests → /api bodies, /api replies → neutral replies.
//
// Pure functions and one small state machine; no I/O. Shapes and wording are those of Ollama 0.33, as recorded in
// tests/data/ollama-wire. The native API is used rather than Ollama's /v1, since only there num_ctx and keep_alive can
// be set, load times are seen, and a runner that dies says so.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::protocols::ollama {

// What the endpoint's configuration adds to each request. What the request says itself wins, but for num_ctx: a server
// that gets another one loads its model anew.
struct Defaults {
    std::string model;                           // the name there
    std::optional<int> num_ctx = {};             // tokens
    std::optional<std::string> keep_alive = {};  // "5m", "-1"
};

// "/api/chat", "/api/generate", "/api/embed"
[[nodiscard]] std::string_view path_of(llm::Task task);

// Errors: Code::unsupported for what this API cannot express (several choices, token ids, images that are to be
// fetched).
[[nodiscard]] Result<std::string> encode_request(const llm::Request& request, bool stream, const Defaults& defaults);

// Tokens of context that a request asks for, in Ollama's own way or among other options; nullopt: it does not.
[[nodiscard]] std::optional<int> context_wanted(const boost::json::object& body);

// What a reply needs to know of its request.
struct ReplyContext {
    llm::Task task = llm::Task::chat;
    std::string id;              // "chatcmpl-…"
    std::string model;           // the client's name for it
    std::int64_t created = 0;    // Unix seconds
    bool include_usage = false;  // stream_options.include_usage: usage comes as a chunk of its own
    bool base64 = false;         // encoding_format of embeddings
};
[[nodiscard]] ReplyContext context_of(const llm::Request& request, std::int64_t created);

// A whole reply → chat.completion, text_completion or embedding list. Counts become `usage`, durations `timings` as
// llama-server names them (ms), plus load_ms and total_ms.
[[nodiscard]] Result<boost::json::object> decode_reply(std::string_view body, const ReplyContext& context);

// The names in an answer to /api/ps; nullopt where it is none.
[[nodiscard]] std::optional<std::vector<std::string>> loaded_models(std::string_view body);

// A stream of NDJSON lines → OpenAI chunks. The first chunk carries the role; the last line becomes a chunk with
// finish_reason and, where usage was not asked for as a chunk of its own, `usage` and `timings` in it.
class StreamDecoder {
public:
    explicit StreamDecoder(ReplyContext context) : context_(std::move(context)) {}

    // Appends what this line means to `out`. Errors: the server's own ({"error": …}); Code::upstream for anything else
    // that is no JSON object.
    [[nodiscard]] Result<void> line(std::string_view line, std::vector<llm::StreamEvent>& out);
    [[nodiscard]] bool ended() const { return ended_; }
    // The connection's body has ended: Code::unavailable unless "done": true was seen.
    [[nodiscard]] Result<void> close() const;

private:
    [[nodiscard]] boost::json::object chunk_with(boost::json::array choices) const;
    [[nodiscard]] boost::json::object choice_of(const boost::json::object& reply);

    ReplyContext context_;
    std::int64_t tool_calls_ = 0;
    bool begun_ = false;
    bool ended_ = false;
};

}  // namespace sarai::protocols::ollama
