// Answers a request for what is said in a recording: cut into windows, each of which a model that hears is asked for.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "gateway/caller.hpp"
#include "gateway/models.hpp"
#include "net/http_server.hpp"
#include "protocols/transcription.hpp"

namespace sarai::gateway {

[[nodiscard]] boost::asio::awaitable<void> answer_transcription(net::Exchange& exchange, Caller& caller,
                                                                protocols::transcription::Call call, Shared shared);

}  // namespace sarai::gateway
