// An Ollama server as a Backend, through its native API.
//
// One Backend per model and endpoint; the Client is shared by all models of the endpoint. Runs on the Client's io
// thread.
#pragma once

#include <memory>

#include "config/config.hpp"
#include "llm/backend.hpp"
#include "net/http_client.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

[[nodiscard]] std::shared_ptr<llm::Backend> make_ollama_backend(std::shared_ptr<net::Client> client,
                                                                const config::RemoteModel& model,
                                                                const config::Endpoint& endpoint);

// GET /api/ps. Any HTTP answer but a 5xx means that the server is alive.
[[nodiscard]] net::asio::awaitable<Result<Probed>> probe_ollama(std::shared_ptr<net::Client> client,
                                                                config::Endpoint endpoint,
                                                                config::TimeBudgets budgets = {});

}  // namespace sarai::remote
