#include "app/measure_all.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <cstdio>
#include <thread>

#include "app/measure.hpp"
#include "net/task_group.hpp"

namespace sarai::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

struct Work {
    std::vector<memory::EngineShape> shapes;  // each once
    std::vector<Result<memory::ModelPlan>> plans;
    std::size_t next = 0;
    std::size_t done = 0;
    bool shown = false;
};

// Several of these share the work.
asio::awaitable<void> measure_some(Measurer& measurer, Work& work, asio::steady_timer& progress) {
    while (work.next < work.shapes.size()) {
        const auto mine = work.next++;
        work.plans[mine] = co_await measurer.measure(work.shapes[mine]);
        if (++work.done == work.shapes.size()) progress.cancel();
    }
}

asio::awaitable<void> show_progress(Work& work, asio::steady_timer& timer) {
    auto pause = 1000ms;
    while (work.done < work.shapes.size()) {
        timer.expires_after(pause);
        boost::system::error_code ended;
        co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ended));
        if (work.done == work.shapes.size()) break;
        fmt::print(stderr, "\rmeasuring: {} of {} done", work.done, work.shapes.size());
        std::fflush(stderr);
        work.shown = true;
        pause = 200ms;
    }
    if (work.shown) fmt::print(stderr, "\r\x1b[K");
}

}  // namespace

std::vector<Result<memory::ModelPlan>> measure_all(const config::Engine& engine,
                                                   std::span<const memory::EngineShape> shapes) {
    Work work;
    std::vector<std::size_t> place;  // of each shape in `work`
    for (const auto& shape : shapes) {
        const auto found = std::ranges::find(work.shapes, shape);
        place.push_back(static_cast<std::size_t>(found - work.shapes.begin()));
        if (found == work.shapes.end()) work.shapes.push_back(shape);
    }
    if (work.shapes.empty()) return {};  // no history is opened for nothing
    work.plans.resize(work.shapes.size(), fail(Code::internal, "the measurement did not end"));
    Measurer measurer(engine);
    asio::io_context io;
    asio::steady_timer timer(io);
    net::TaskGroup tasks(io.get_executor());
    // Each child uses one core. Two per core, since nobody knows which will take longest (it is the one with the
    // largest vocabulary): with one per core it may begin last and then run alone.
    const auto children = std::clamp(2 * std::thread::hardware_concurrency(), 4U, 8U);
    for (unsigned i = 0; i < children; ++i) tasks.spawn("measure", measure_some(measurer, work, timer));
    if (::isatty(STDERR_FILENO) != 0) tasks.spawn("progress", show_progress(work, timer));
    io.run();
    std::vector<Result<memory::ModelPlan>> plans;
    plans.reserve(place.size());
    for (const auto i : place) plans.push_back(work.plans[i]);
    return plans;
}

}  // namespace sarai::app
