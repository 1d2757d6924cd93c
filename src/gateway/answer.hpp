// Runs one request: a lease from the pool, its backend, the chain while nothing was sent, the stream to the client.
//
// A request waits for its turn and for loads; a client that streams then gets a sign of life now and then.
// Before the first token a failure is invisible to the client: the next backend of the model's chain answers. After it,
// the stream ends with the protocol's own error event. A client that goes away cancels everything.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>

#include "config/config.hpp"
#include "gateway/caller.hpp"
#include "gateway/catalogue.hpp"
#include "gateway/face.hpp"
#include "gateway/metrics.hpp"
#include "net/http_server.hpp"
#include "pool/pool.hpp"

namespace sarai::gateway {

class RouterDesk;
class Shelf;

// What every request sees; lives as long as the server. Model i of the configuration is model i of the pool.
struct Shared {
    const config::Config& config;
    pool::Pool& pool;
    Metrics& metrics;
    Catalogue& catalogue;
    Shelf& shelf;
    RouterDesk& desk;
};

// Name of the backend that a route leads to: gguf_native, ollama_http, openai_http.
[[nodiscard]] std::string_view backend_name(const config::Config& config, const pool::Route& route);
[[nodiscard]] std::string_view backend_name(config::BackendKind kind);

// Finds a model by the name that a client used; Ollama's clients add ":latest" and do not mind upper and lower case.
[[nodiscard]] Result<pool::ModelIndex> find_model(const config::Config& config, std::string_view name);
// The one whose worker and servers answer for it: itself, or what it is a variant of.
[[nodiscard]] pool::ModelIndex who_serves(const config::Config& config, pool::ModelIndex model);

[[nodiscard]] boost::asio::awaitable<void> answer(net::Exchange& exchange, Caller& caller, llm::Request request,
                                                  Face& face, Protocol protocol, Shared shared);

// Brings the model up without asking it anything. `here`: its local worker, where it has one, also if a server could
// answer.
[[nodiscard]] boost::asio::awaitable<Result<void>> bring_up(
    std::string model, Shared shared, bool here = false,
    std::optional<std::chrono::milliseconds> keep_alive = std::nullopt);
// How long its local worker stays after a request, as the pool has it.
[[nodiscard]] std::optional<std::chrono::milliseconds> stay_of(const llm::Request& request);
// Unloads the local worker on request. Errors: not_found, busy (pinned, or answering somebody).
[[nodiscard]] Result<void> take_down(std::string_view model, const Shared& shared);

}  // namespace sarai::gateway
