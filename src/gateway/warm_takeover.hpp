// While a server answers, the model's local worker reads the prompt and the answer so far, in steps and only while no
// worker computes for anybody: a takeover is then a matter of a few tokens.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "llm/backend.hpp"
#include "pool/pool.hpp"

namespace sarai::gateway {

class WarmTakeover {
public:
    // `so_far`: what the client has of the answer; an error ends the work. Called until this is destroyed.
    using SoFar = std::function<Result<const llm::Partial*>()>;
    WarmTakeover(const boost::asio::any_io_executor& executor, pool::Pool& pool, pool::ModelIndex model,
                 llm::Request request, SoFar so_far);
    ~WarmTakeover();
    WarmTakeover(const WarmTakeover&) = delete;
    WarmTakeover& operator=(const WarmTakeover&) = delete;

    // Lets a step that is under way end, so that the slot that has the prompt is free for who takes over, and reads no
    // further. How many tokens the worker has read and keeps.
    [[nodiscard]] boost::asio::awaitable<std::int64_t> finish();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sarai::gateway
