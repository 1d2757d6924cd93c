// OpenAI's Responses API from the server's side: requests whose conversation may begin with a response that is kept
// here → neutral chat requests, neutral replies → response objects and their events.
//
// Pure functions and one small state machine; no I/O and no clock: times are arguments, in whole seconds since 1970.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::protocols::responses {

// What is kept of a finished response, as JSON texts: parsed they would take some three times as much.
struct Kept {
    std::string response;  // the object that the client got
    std::string input;     // array: the items of its request, each with an id
    std::string messages;  // array: the whole conversation with its answer, as neutral messages, without instructions
};
using Find = std::function<std::shared_ptr<const Kept>(std::string_view id)>;  // nullptr: not kept

// A request's identity, given by who took it. `id` is "resp_" and letters or digits that nobody can guess.
struct Birth {
    std::string id;
    std::int64_t created_at = 0;
};

// What the reply needs of its request.
struct Context {
    std::string id;
    std::int64_t created_at = 0;
    std::string model;
    bool store = true;
    boost::json::object echo;     // the members of a response object that repeat the request
    boost::json::array input;     // as in Kept; empty where nothing is stored
    boost::json::array messages;  // the same, before the answer
};

struct Decoded {
    llm::Request request;
    Context context;
};

// Checks and translates the body of POST /v1/responses. Fields that are not known here go along untouched.
// Errors: invalid_argument that names the field, its value and what was expected; unsupported for what only OpenAI's
// own servers have (tools that they run, files, background, prompt templates, conversations); not_found for a previous
// response that is not kept.
[[nodiscard]] Result<Decoded> decode_request(std::string_view body, Birth birth, const Find& find);

// The error for a response that is not kept. `field` may be empty.
[[nodiscard]] std::unexpected<Error> not_kept(std::string_view id, std::string field);

// A whole neutral reply → the response object.
[[nodiscard]] boost::json::object encode_reply(const Context& context, const boost::json::object& reply,
                                               std::int64_t now);

// What to keep of a finished response. Takes the context's messages and input.
[[nodiscard]] Kept keep(Context& context, const boost::json::object& response);

// The answer to DELETE.
[[nodiscard]] boost::json::object encode_deleted(std::string_view id);

// A page of the request's items. `after`: the id of the last item that the client has.
struct Page {
    std::string after = {};
    std::size_t limit = 20;  // 1 to 100
    bool ascending = false;
};
// Errors: invalid_argument where no item is `after`.
[[nodiscard]] Result<boost::json::object> encode_input_items(const Kept& kept, const Page& page);

// One item of an answer.
enum class ItemKind : std::uint8_t { reasoning, text, refusal, call };
struct Item {
    ItemKind kind = ItemKind::text;
    std::string id;
    std::string text = {};  // a call's arguments
    std::string name = {};  // of the function
    std::string call_id = {};
    boost::json::array logprobs = {};
    bool open = true;
};

// OpenAI chunks → server-sent events:
//
//     silent ──first output, or the end──▶ begun       response.created, response.in_progress
//     begun ──text, reasoning, calls────▶ begun       items: added, deltas, done
//     begun ──finish()──▶ ended                        response.completed or response.incomplete
//     begun ──fail()────▶ ended                        error, response.failed
//
// Nothing is written before the first output, so that an answer that another backend begins anew begins properly.
// Text and reasoning are done where something else begins; calls, whose pieces may come interleaved, at the end.
class StreamEncoder {
public:
    // The context outlives it.
    explicit StreamEncoder(const Context& context) : context_(context) {}

    void chunk(const boost::json::object& chunk, std::string& out);
    // A comment, which clients pass over.
    static void heartbeat(std::string_view what, std::string& out);
    // The end. Returns the response object, whole.
    boost::json::object finish(std::int64_t now, std::string& out);
    // Instead of finish(): the end of a stream that failed.
    void fail(const Error& error, std::string& out);

private:
    void begin(std::string& out);
    void add_text(ItemKind kind, std::string_view text, const boost::json::array* logprobs, std::string& out);
    void add_calls(const boost::json::array& calls, std::string& out);
    void announce(std::size_t index, std::string& out);
    void close(std::size_t index, std::string_view status, std::string& out);
    void close_text(std::string& out);
    [[nodiscard]] boost::json::object item_event(std::string_view type, std::size_t index);
    void append(boost::json::object event, std::string& out);
    void append_response(std::string_view type, const boost::json::object& response, std::string& out);
    [[nodiscard]] boost::json::object event(std::string_view type);

    const Context& context_;
    bool begun_ = false;
    std::int64_t sequence_ = 0;
    std::vector<Item> items_;                    // by output_index
    std::optional<std::size_t> text_;            // of items_: the one that text or reasoning is being added to
    std::map<std::int64_t, std::size_t> calls_;  // by the index in chunks, of items_
    std::string finish_reason_;
    boost::json::value usage_;
    boost::json::object notes_;  // sarai's own members of chunks, for the next event
};

}  // namespace sarai::protocols::responses
