#include "cli/top_feed.hpp"

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "cli/server.hpp"
#include "net/task_group.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

namespace {

// Of what a server answers at once; whoever takes longer is not well.
constexpr net::Budgets soon{.connect = 2s, .first_byte = 5s, .silence = 5s};
// Of loads, which have a limit of the server's.
constexpr net::Budgets long_enough{.connect = 2s, .first_byte = 24h, .silence = 1min};
constexpr auto log_target = "/sarai/logs?last=60";

}  // namespace

struct TopFeed::State {
    State(net::Origin server, std::chrono::milliseconds every, Hear listener)
        : origin(std::move(server)), interval(every), hear(std::move(listener)) {
        tasks.spawn("watch", watch());
        thread = std::thread([this] { io.run(); });
    }
    ~State() {
        asio::co_spawn(io, end(), [this](const std::exception_ptr&) { more_to_come.reset(); });
        thread.join();
    }
    State(const State&) = delete;
    State& operator=(const State&) = delete;

    asio::awaitable<void> end() {
        tasks.cancel_all();
        (void)co_await tasks.join(2s);
        client.drop_idle();
    }

    asio::awaitable<void> watch() {
        asio::steady_timer pause(io);
        for (;;) {
            if (!paused) {
                auto sample = co_await look();
                hand_over([this, sample = std::move(sample)]() mutable { hear(std::move(sample)); });
            }
            pause.expires_after(interval);
            co_await pause.async_wait(asio::use_awaitable);
        }
    }

    asio::awaitable<Result<TopSample>> look() {
        auto status = co_await get("/sarai/status");
        if (!status) co_return std::unexpected(std::move(status.error()));
        TopSample sample{
            .at = std::chrono::steady_clock::now(), .status = std::move(*status), .metrics = {}, .log = {}};
        if (auto metrics = co_await client.fetch({.target = "/metrics"}, soon); metrics && metrics->status == 200)
            sample.metrics = std::move(metrics->body);
        if (auto log = co_await get(log_target))
            if (const auto* lines = protocols::array_at(*log, "lines")) sample.log = *lines;
        co_return sample;
    }

    asio::awaitable<Result<json::object>> get(std::string target) {
        co_return object_of(origin, target, co_await client.fetch({.target = target}, soon));
    }

    asio::awaitable<void> answer(net::ClientRequest request, Told told) {
        const auto target = request.target;
        auto result = object_of(origin, target, co_await client.fetch(std::move(request), long_enough));
        hand_over([told = std::move(told), result = std::move(result)]() mutable { told(std::move(result)); });
    }

    void hand_over(std::move_only_function<void()> news) {
        const std::scoped_lock lock(mutex);
        inbox.push_back(std::move(news));
    }

    net::Origin origin;
    std::chrono::milliseconds interval;
    Hear hear;
    std::atomic<bool> paused{false};
    std::mutex mutex;
    std::vector<std::move_only_function<void()>> inbox;
    asio::io_context io{1};
    asio::executor_work_guard<asio::io_context::executor_type> more_to_come{io.get_executor()};
    net::TaskGroup tasks{io.get_executor()};
    net::Client client{io.get_executor(), origin};
    std::thread thread;
};

TopFeed::TopFeed(net::Origin origin, std::chrono::milliseconds interval, Hear hear)
    : state_(std::make_unique<State>(std::move(origin), interval, std::move(hear))) {}

TopFeed::~TopFeed() = default;

void TopFeed::pause(bool on) { state_->paused = on; }

void TopFeed::ask(net::ClientRequest request, Told told) {
    asio::post(state_->io, [state = state_.get(), request = std::move(request), told = std::move(told)]() mutable {
        state->tasks.spawn("answer", state->answer(std::move(request), std::move(told)));
    });
}

bool TopFeed::deliver() {
    std::vector<std::move_only_function<void()>> news;
    {
        const std::scoped_lock lock(state_->mutex);
        news.swap(state_->inbox);
    }
    for (auto& one : news) one();
    return !news.empty();
}

}  // namespace sarai::cli
