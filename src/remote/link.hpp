// What both kinds of remote backend share: one server, how it is addressed, and how long it may take.
//
// A Link is a value that a backend and its streams copy; the Client in it is shared by all that use the endpoint.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "llm/types.hpp"
#include "net/http_client.hpp"

namespace sarai::remote {

// How a server goes on with an answer that another backend began.
enum class Continues : std::uint8_t {
    no,
    prefill,   // it continues the assistant's message where that is the last one
    raw_text,  // llama-server: it tells the prompt that its template makes, and completes a text
};

struct Link {
    std::shared_ptr<net::Client> client;
    std::string name;   // of the endpoint, for messages; empty: the client's host and port
    std::string model;  // the name that the server knows
    config::TimeBudgets budgets;
    std::vector<std::pair<std::string, std::string>> headers = {};  // sent with each request
    // Embedding inputs or documents sent at once. A worker of ours keeps the results of all until the last is done,
    // which nobody planned for: 6,000 short ones took a small model 75 MiB beyond its plan.
    std::size_t max_inputs = std::numeric_limits<std::size_t>::max();
    // Bytes of documents sent at once, each with the query before it.
    std::size_t max_text = std::numeric_limits<std::size_t>::max();
    Continues continues = Continues::no;
    std::int64_t context = 0;                                  // tokens of a slot; 0: unknown
    std::weak_ptr<const std::function<bool()>> may_move = {};  // of the request, see llm::Request
};

[[nodiscard]] Link link_of(std::shared_ptr<net::Client> client, const config::RemoteModel& model,
                           const config::Endpoint& endpoint);

// The link with what the request wants to be told to the server, its trace context, and whether it may move.
[[nodiscard]] Link traced(const Link& link, const llm::Request& request);

// "name: message", so that a failure tells whose it is.
[[nodiscard]] Error named(const Link& link, Error error);

[[nodiscard]] Error cannot_continue(const Link& link);

// The body of the reply to a POST, within budgets.total. Errors: of the connection, or of a status other than 200.
[[nodiscard]] net::asio::awaitable<Result<std::string>> post(const Link& link, std::string target, std::string body);

// A stream that was accepted (status 200), and the moment by which its first event is due.
struct Opened {
    std::unique_ptr<net::BodyStream> body;
    std::chrono::steady_clock::time_point first_due;
};
// An answer of type application/json is no stream: its error is returned.
[[nodiscard]] net::asio::awaitable<Result<Opened>> open_stream(const Link& link, std::string target, std::string body);

// What a probe found.
struct Probed {
    std::chrono::microseconds round_trip{};               // of the TCP connection, as the kernel has it; 0: unknown
    std::optional<std::vector<std::string>> loaded = {};  // names of the models in the server's memory, if it tells
    std::string body = {};
};

// Is anybody there? Any HTTP answer but a 5xx counts, also 401, 403 and 404. Never loads a model.
[[nodiscard]] net::asio::awaitable<Result<Probed>> probe(const Link& link, std::string target);

}  // namespace sarai::remote
