#include "engine/worker.hpp"

#include <fmt/format.h>

#include <csignal>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "engine/amx.hpp"

namespace sarai::engine {
namespace asio = boost::asio;
using namespace std::chrono_literals;

std::string describe_end(const ExitStatus& status, const WorkerCgroup* cgroup) {
    if (status.signalled && status.code == SIGKILL && cgroup != nullptr && cgroup->was_killed_for_memory())
        return fmt::format("was killed because it exceeded its memory limit of {}", to_string(cgroup->limit()));
    return status.describe();
}

Worker::Worker(std::string name, std::unique_ptr<WorkerCgroup> cgroup, std::unique_ptr<ChildProcess> process,
               std::shared_ptr<net::Client> client, std::filesystem::path socket)
    : name_(std::move(name)),
      cgroup_(std::move(cgroup)),
      process_(std::move(process)),
      client_(std::move(client)),
      socket_(std::move(socket)) {}

Worker::~Worker() {
    std::error_code ignored;
    std::filesystem::remove(socket_, ignored);
}

Result<std::unique_ptr<Worker>> Worker::start(asio::any_io_executor executor,
                                              const std::filesystem::path& server_binary, const WorkerSpec& spec,
                                              std::filesystem::path socket, std::unique_ptr<WorkerCgroup> cgroup) {
    // A leftover file would make the bind fail (llama-server does not remove it).
    std::error_code ignored;
    std::filesystem::remove(socket, ignored);
    auto process = ChildProcess::start(executor, {.program = server_binary,
                                                  .arguments = worker_arguments(spec, socket),
                                                  .environment = worker_environment(spec.threads, compute_cores()),
                                                  .cgroup = cgroup ? cgroup->door() : std::filesystem::path{},
                                                  .cage = cage_of(spec.shape)});
    if (!process) return std::unexpected(process.error());
    auto client = std::make_shared<net::Client>(
        executor,
        net::Origin{
            .transport = net::Origin::Transport::unix_socket, .host = "localhost", .port = {}, .socket = socket});
    return std::unique_ptr<Worker>(
        new Worker(spec.name, std::move(cgroup), std::move(*process), std::move(client), std::move(socket)));
}

asio::awaitable<Result<void>> Worker::ready(std::chrono::milliseconds load_timeout) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    const auto deadline = std::chrono::steady_clock::now() + load_timeout;
    auto interval = 5ms;
    while (process_->running()) {
        // Asked for as soon as it could be there: tiny models load in 50 ms, and a load is somebody's first token.
        auto health = co_await client_->fetch({.target = "/health"}, {.connect = 1s, .first_byte = 5s, .silence = 5s});
        if (health && health->status == 200) co_return Result<void>{};
        if (std::chrono::steady_clock::now() > deadline) {
            co_await stop(3s);
            co_return fail(Code::timeout,
                           fmt::format("model '{}' was not loaded within {} s", name_, load_timeout.count() / 1000),
                           "Raise the model's timeouts.load.");
        }
        pause.expires_after(interval);
        co_await pause.async_wait(asio::use_awaitable);
        interval = std::min(interval * 2, 100ms);
    }
    co_return std::unexpected(co_await gone());
}

asio::awaitable<Error> Worker::gone() {
    const auto status = co_await process_->wait();
    // Who is killed by somebody else has no word to say about it: what stands last there is of its start.
    const bool from_outside = status.signalled && (status.code == SIGKILL || status.code == SIGTERM);
    const auto words = from_outside ? std::string() : process_->last_words(3);
    co_return Error{
        .code = Code::unavailable,
        .message = fmt::format("the worker of model '{}' (pid {}) {}{}{}", name_, pid(),
                               describe_end(status, cgroup_.get()), words.empty() ? "" : "; its last words: ", words)};
}

asio::awaitable<void> Worker::stop(std::chrono::milliseconds grace) {
    stopping_ = true;
    resume();
    co_await process_->stop(grace);
}

void Worker::pause() {
    if (!stopping_) process_->signal_group(SIGSTOP);
}
void Worker::resume() { process_->signal_group(SIGCONT); }

}  // namespace sarai::engine
