#include "app/measure.hpp"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <csignal>

#include "engine/process.hpp"

namespace sarai::app {

boost::asio::awaitable<Result<memory::ModelPlan>> measure(memory::EngineShape shape) {
    using namespace std::chrono_literals;
    const auto program = engine::find_program("sarai-measure");
    if (!program) co_return std::unexpected(program.error());
    auto child = engine::ChildProcess::start(co_await boost::asio::this_coro::executor,
                                             {.program = *program, .arguments = memory::measure_arguments(shape)});
    if (!child) co_return std::unexpected(child.error());
    const auto ended = co_await (*child)->wait_for(30s);
    if (!ended) {
        (*child)->signal(SIGKILL);
        co_await (*child)->wait();
        co_return fail(Code::timeout, fmt::format("measuring {} took longer than 30 s", shape.model.string()));
    }
    // A killed child has no exit status; 128 + signal, as shells say it.
    co_return memory::parse_measurement(shape, ended->signalled ? 128 + ended->code : ended->code, (*child)->output(),
                                        (*child)->last_words(3));
}

}  // namespace sarai::app
