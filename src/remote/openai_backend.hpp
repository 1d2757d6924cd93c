// A server that speaks OpenAI's protocol as a Backend: llama-server, vLLM, LM Studio, a cloud. The local worker is one
// as well, on a unix socket.
//
// One Backend per model and endpoint; the Client is shared by all models of the endpoint. Runs on the Client's io
// thread. An origin without a path gets "/v1"; one with a path is taken as it is.
#pragma once

#include <memory>

#include "config/config.hpp"
#include "llm/backend.hpp"
#include "net/http_client.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

[[nodiscard]] std::shared_ptr<llm::Backend> make_openai_backend(std::shared_ptr<net::Client> client,
                                                                const config::RemoteModel& model,
                                                                const config::Endpoint& endpoint);

// For servers that no configuration names: the link says where, under which name, with which headers and budgets.
// Replies carry the name that the client asked for, whatever link.model is.
[[nodiscard]] std::shared_ptr<llm::Backend> make_openai_backend(Link link);

// GET /models. Any HTTP answer but a 5xx means that the server is alive; 401, 403 and 404 as well.
[[nodiscard]] net::asio::awaitable<Result<Probed>> probe_openai(std::shared_ptr<net::Client> client,
                                                                config::Endpoint endpoint,
                                                                config::TimeBudgets budgets = {});

}  // namespace sarai::remote
