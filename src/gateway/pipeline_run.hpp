// Answers a request by a pipeline: several models work on one answer, each step like a request of its own, with
// fallback, failover, turns and metrics.
//
// What the models take at the same time is proven to fit before the first step begins (pool/proof.hpp), and all of them
// are loaded while the first ones work. The last step's answer goes to the client as any other; the steps before it can
// be shown as reasoning. An error of a step ends the whole. A client that goes away cancels everything.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "gateway/caller.hpp"
#include "gateway/face.hpp"
#include "gateway/models.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

// `pipeline` is a copy: the configuration may be loaded again meanwhile.
[[nodiscard]] boost::asio::awaitable<void> answer_by_pipeline(net::Exchange& exchange, Caller& caller,
                                                              llm::Request request, Face& face, Protocol protocol,
                                                              Shared shared, config::Pipeline pipeline);

// Who a step asks now. Errors: not_found where nobody is configured for its role.
[[nodiscard]] Result<std::string> who_takes(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                            const Shared& shared);

}  // namespace sarai::gateway
