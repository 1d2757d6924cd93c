// Lets a model's local worker read ahead, in steps and only while no worker computes for anybody.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "llm/backend.hpp"
#include "pool/pool.hpp"

namespace sarai::gateway {

class IdleReader {
public:
    // In which state a step finds the worker.
    enum class Found : std::uint8_t {
        as_left,  // by the step before
        used,     // by somebody else meanwhile: what was read may be lost
        other,    // the first one, or one that was started again
    };
    // One step's work. An error ends all of it. Not called after this is destroyed.
    using Step = std::function<boost::asio::awaitable<Result<llm::Standby::Progress>>(llm::Backend&, Found)>;
    // `id` is for the log.
    IdleReader(const boost::asio::any_io_executor& executor, pool::Pool& pool, pool::ModelIndex model, std::string id,
               Step step);
    ~IdleReader();
    IdleReader(const IdleReader&) = delete;
    IdleReader& operator=(const IdleReader&) = delete;

    // Lets a step that is under way end, so that the slot that has the prompt is free for who needs it, and reads no
    // further. How many tokens the worker has read and keeps.
    [[nodiscard]] boost::asio::awaitable<std::int64_t> finish();

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sarai::gateway
