// Answers a request for a text to be spoken: the sound leaves as it is made.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "gateway/caller.hpp"
#include "gateway/models.hpp"
#include "net/http_server.hpp"
#include "protocols/speech.hpp"

namespace sarai::gateway {

[[nodiscard]] boost::asio::awaitable<void> answer_speech(net::Exchange& exchange, Caller& caller,
                                                         protocols::speech::Call call, Shared shared);

}  // namespace sarai::gateway
