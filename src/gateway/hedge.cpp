#include "gateway/hedge.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
using Stream = std::unique_ptr<llm::EventStream>;

constexpr int enough_samples = 10;
constexpr std::chrono::milliseconds retry{100};
constexpr std::size_t most_events = 256;  // that show nothing; whoever sends more has begun

// A stream whose first events were read already.
class Replayed final : public llm::EventStream {
public:
    Replayed(Stream rest, std::vector<llm::StreamEvent> first) : rest_(std::move(rest)), first_(std::move(first)) {}

    asio::awaitable<Result<std::optional<llm::StreamEvent>>> next() override {
        if (given_ < first_.size()) co_return std::move(first_[given_++]);
        co_return co_await rest_->next();
    }
    bool ready() const override { return given_ < first_.size() || rest_->ready(); }

private:
    Stream rest_;
    std::vector<llm::StreamEvent> first_;
    std::size_t given_ = 0;
};

// Runs on after its lease has ended, until its cancellation has come through; so it owns what it uses.
asio::awaitable<Result<Stream>> begin(std::shared_ptr<llm::Backend> backend,
                                      std::shared_ptr<const llm::Request> request) {
    auto events = co_await backend->stream(*request);
    if (!events) co_return std::unexpected(events.error());
    std::vector<llm::StreamEvent> first;
    while (first.size() < most_events) {
        auto event = co_await (*events)->next();
        if (!event) co_return std::unexpected(event.error());
        if (!*event) co_return fail(Code::upstream, "the answer ended before it began");
        first.push_back(std::move(**event));
        if (llm::has_output(first.back()) || !llm::finish_reason_of(first.back()).empty()) break;
    }
    co_return std::make_unique<Replayed>(std::move(*events), std::move(first));
}

// Two that run side by side, and who waits for them.
class Race {
public:
    explicit Race(const asio::any_io_executor& executor) : shared_(std::make_shared<Shared>(executor)) {}
    ~Race() {
        for (auto& runner : shared_->runners)
            if (runner.runs) runner.cancel.emit(asio::cancellation_type::terminal);
    }
    Race(const Race&) = delete;
    Race& operator=(const Race&) = delete;

    void start(std::size_t which, std::shared_ptr<llm::Backend> backend, std::shared_ptr<const llm::Request> request) {
        auto& runner = shared_->runners[which];
        runner.runs = true;
        const auto ended = [keep = shared_, which](std::exception_ptr thrown, Result<Stream> result) {
            auto& own = keep->runners[which];
            own.runs = false;
            own.result = thrown ? fail(Code::internal, "it ended by an unexpected error") : std::move(result);
            keep->news.cancel();
        };
        asio::co_spawn(shared_->news.get_executor(), begin(std::move(backend), std::move(request)),
                       asio::bind_cancellation_slot(runner.cancel.slot(), ended));
    }
    // Until one of them has ended, or the time is over.
    asio::awaitable<void> wait(std::optional<std::chrono::steady_clock::time_point> until) {
        shared_->news.expires_at(until.value_or(std::chrono::steady_clock::time_point::max()));
        co_await shared_->news.async_wait(asio::as_tuple(asio::use_awaitable));
        const auto state = co_await asio::this_coro::cancellation_state;
        if (state.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
    }
    [[nodiscard]] bool runs(std::size_t which) const { return shared_->runners[which].runs; }
    [[nodiscard]] std::optional<Result<Stream>>& result(std::size_t which) { return shared_->runners[which].result; }
    [[nodiscard]] bool has_won(std::size_t which) const {
        const auto& result = shared_->runners[which].result;
        return result && result->has_value();
    }

private:
    struct Runner {
        asio::cancellation_signal cancel;
        bool runs = false;
        std::optional<Result<Stream>> result;
    };
    struct Shared {
        explicit Shared(const asio::any_io_executor& executor) : news(executor) {}
        asio::steady_timer news;
        std::array<Runner, 2> runners;
    };
    std::shared_ptr<Shared> shared_;
};

}  // namespace

std::optional<std::chrono::milliseconds> usual_first_token(const pool::Pool& pool, const pool::Route& route) {
    if (!route.endpoint) return std::nullopt;
    const auto seen = pool.core().first_tokens(route.model, *route.endpoint);
    return seen.count < enough_samples ? std::nullopt : std::optional(seen.p95);
}

asio::awaitable<Result<Begun>> begin_hedged(pool::Pool& pool, pool::Lease& lease, const llm::Request& request,
                                            std::chrono::milliseconds usual) {
    enum : std::size_t { server, local };
    // `text` points into the client's request, which may go before a runner that is cancelled.
    auto copy = std::make_shared<llm::Request>(request);
    copy->text = {};
    Race race(co_await asio::this_coro::executor);
    const auto late = std::chrono::steady_clock::now() + usual;
    race.start(server, lease.shared_backend(), copy);
    while (race.runs(server) && std::chrono::steady_clock::now() < late) co_await race.wait(late);
    std::optional<pool::Lease> spare;
    bool failed_here = false;
    const auto model = lease.route().model;
    const auto name = pool.core().endpoints()[*lease.route().endpoint].name;
    const auto try_here = [&] {
        spare = pool.borrow(model, false,
                            fmt::format("local worker, because {} had sent nothing after {} ms, which is more than for "
                                        "95 % of its last answers",
                                        name, usual.count()),
                            &lease);
        if (spare) race.start(local, spare->shared_backend(), copy);
    };
    Begun begun;
    bool told = false;  // that the server has failed
    while (!race.has_won(server) && !race.has_won(local) && (race.runs(server) || race.runs(local))) {
        if (!spare && !failed_here && race.runs(server)) {
            try_here();
            begun.hedged = spare.has_value();
        }
        // A slot may come free at any moment.
        co_await race.wait(spare || failed_here ? std::nullopt
                                                : std::optional(std::chrono::steady_clock::now() + retry));
        if (spare && !race.runs(local) && !race.has_won(local)) {  // its slot is for others
            spdlog::warn("the local worker that was to be faster than {} failed: {}", name,
                         describe(race.result(local)->error()));
            failed_here = true;
            spare.reset();
        }
        if (!told && race.runs(local) && race.result(server) && !race.has_won(server)) {
            told = true;
            lease.broke_off(race.result(server)->error());
        }
    }
    if (race.has_won(server)) {
        begun.events = std::move(**race.result(server));
    } else if (race.has_won(local)) {
        begun.events = std::move(**race.result(local));
        begun.local_won = true;
        if (race.runs(server)) lease.overtaken(usual);
        lease = std::move(*spare);
    } else {
        co_return std::unexpected(race.result(server)->error());
    }
    co_return begun;
}

}  // namespace sarai::gateway
