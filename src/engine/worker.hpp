// One local model: a llama-server or sarai-whisper process on a unix socket of its own.
//
// Owned by the pool's driver, on the io thread. A worker is started, becomes ready or fails with its own last words,
// and in the end is always reaped and its socket removed. Cancelling ready() leaves the worker loading; stop() ends it
// in any state.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "engine/cgroup.hpp"
#include "engine/process.hpp"
#include "engine/worker_args.hpp"
#include "net/http_client.hpp"

namespace sarai::engine {

// How a worker ended: its exit status, or that it met its cgroup's limit.
[[nodiscard]] std::string describe_end(const ExitStatus& status, const WorkerCgroup* cgroup);

class Worker {
public:
    // Spawns the process, in `cgroup` if there is one, and returns at once.
    [[nodiscard]] static Result<std::unique_ptr<Worker>> start(boost::asio::any_io_executor executor,
                                                               const std::filesystem::path& server_binary,
                                                               const WorkerSpec& spec, std::filesystem::path socket,
                                                               std::unique_ptr<WorkerCgroup> cgroup = {});
    ~Worker();

    // Resumes when the worker answers requests, has died (unavailable, with its last words), or `load_timeout` passed.
    [[nodiscard]] boost::asio::awaitable<Result<void>> ready(std::chrono::milliseconds load_timeout);
    // Resumes when the process was reaped, with what is known of why.
    [[nodiscard]] boost::asio::awaitable<Error> gone();
    [[nodiscard]] boost::asio::awaitable<void> stop(std::chrono::milliseconds grace);

    // Its threads stand still from pause() to resume(): whoever asks it something waits so long. A worker that is being
    // stopped is not paused any more, so that it can end.
    void pause();
    void resume();

    [[nodiscard]] pid_t pid() const { return process_->pid(); }
    [[nodiscard]] const std::shared_ptr<net::Client>& client() const { return client_; }

private:
    Worker(std::string name, std::unique_ptr<WorkerCgroup> cgroup, std::unique_ptr<ChildProcess> process,
           std::shared_ptr<net::Client> client, std::filesystem::path socket);

    std::string name_;
    std::unique_ptr<WorkerCgroup> cgroup_;  // outlives the process
    std::unique_ptr<ChildProcess> process_;
    std::shared_ptr<net::Client> client_;
    std::filesystem::path socket_;
    bool stopping_ = false;
};

}  // namespace sarai::engine
