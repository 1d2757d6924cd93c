// The configured models as the gateway's endpoints find, load and unload them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"
#include "gateway/catalogue.hpp"
#include "gateway/metrics.hpp"
#include "llm/types.hpp"
#include "media/normalizer.hpp"
#include "pool/pool.hpp"

namespace sarai::speech {
class Speaker;
}

namespace sarai::web {
class Searcher;
}

namespace sarai::gateway {

class KnowledgeDesk;
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
    const media::Normalizer* media;  // null: what requests bring is handed on as it is
    KnowledgeDesk& knowledge;
    web::Searcher* web;        // null: it is never searched
    speech::Speaker* speaker;  // null: nobody speaks
};

// Name of the backend that a route leads to: gguf_native, whisper, ollama_http, openai_http.
[[nodiscard]] std::string_view backend_name(const config::Config& config, const pool::Route& route);
[[nodiscard]] std::string_view backend_name(config::BackendKind kind);

// Finds a model by the name that a client used; Ollama's clients add ":latest" and do not mind upper and lower case.
[[nodiscard]] Result<pool::ModelIndex> find_model(const config::Config& config, std::string_view name);
// The one whose worker and servers answer for it: itself, or what it is a variant of.
[[nodiscard]] pool::ModelIndex who_serves(const config::Config& config, pool::ModelIndex model);

// Brings the model up without asking it anything. `here`: its local worker, where it has one, also if a server could
// answer.
[[nodiscard]] boost::asio::awaitable<Result<void>> bring_up(
    std::string model, Shared shared, bool here = false,
    std::optional<std::chrono::milliseconds> keep_alive = std::nullopt);
// How long its local worker stays after a request, as the pool has it.
[[nodiscard]] std::optional<std::chrono::milliseconds> stay_of(const llm::Request& request);
// Unloads the local worker on request. Errors: not_found, busy (pinned, or answering somebody).
[[nodiscard]] Result<void> take_down(std::string_view model, const Shared& shared, bool drain = false);

}  // namespace sarai::gateway
