// What the pool needs from outside, wired by the composition root: it sees backends and workers, never their kinds.
#pragma once

#include <sys/types.h>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "llm/backend.hpp"
#include "memory/plan.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool {

// A local model's process.
class LocalWorker {
public:
    virtual ~LocalWorker() = default;
    [[nodiscard]] virtual boost::asio::awaitable<Result<void>> ready() = 0;  // an error may come before it was reaped
    [[nodiscard]] virtual boost::asio::awaitable<Error> gone() = 0;          // resumes when it was reaped
    [[nodiscard]] virtual boost::asio::awaitable<void> stop(
        std::chrono::milliseconds grace) = 0;  // resumes when it was reaped
    [[nodiscard]] virtual pid_t pid() const = 0;
    [[nodiscard]] virtual int threads() const = 0;  // that it computes with
    // Stops its threads where they are, until resume(). Nothing once it is being stopped.
    virtual void pause() = 0;
    virtual void resume() = 0;
    [[nodiscard]] virtual std::shared_ptr<llm::Backend> backend() = 0;
};

// A plan in full, for people, and what of it decides.
struct Measured {
    memory::ModelPlan plan;
    Needs needs;
};

// See Ports::file_stamp.
inline constexpr std::string_view stamp_of_no_file = "missing";

struct Ports {
    std::function<boost::asio::awaitable<Result<Measured>>(ModelIndex, const Reduction&)> measure;
    std::function<Result<std::shared_ptr<LocalWorker>>(ModelIndex, const Reduction&, Bytes planned)> spawn;
    std::function<boost::asio::awaitable<Result<ProbeReport>>(EndpointIndex)> probe;
    std::function<std::shared_ptr<llm::Backend>(ModelIndex, EndpointIndex)> remote;
    // Of an endpoint that is down: ends those requests there that somebody else can answer and that have waited since
    // before that moment without a byte. May be empty where all have short budgets.
    std::function<void(EndpointIndex, Clock::time_point since, const Error& why)> give_up = {};
    // Sends the packet that wakes it. May be empty where no endpoint can be woken.
    std::function<void(EndpointIndex)> wake = {};
    // Changes when the model's files do; begins with stamp_of_no_file where its first one is not there. May be empty:
    // then only a reload or a wish ends a quarantine.
    std::function<std::string(ModelIndex)> file_stamp = {};
    // What a load has shown, for the next plan (pool/load_record.hpp says when). Must not block.
    std::function<void(ModelIndex, const memory::Observation&)> observed = {};
};

}  // namespace sarai::pool
