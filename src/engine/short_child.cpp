#include "engine/short_child.hpp"

#include <fmt/format.h>

#include <boost/asio/this_coro.hpp>
#include <csignal>

namespace sarai::engine {
namespace asio = boost::asio;

asio::awaitable<Result<ShortChild>> run_child(Command command, std::chrono::seconds budget, std::string what,
                                              std::size_t last_lines) {
    auto child = ChildProcess::start(co_await asio::this_coro::executor, command);
    if (!child) co_return std::unexpected(child.error());
    const auto ended = co_await (*child)->wait_for(budget);
    if (!ended) {
        (*child)->signal(SIGKILL);
        co_await (*child)->wait();
        co_return fail(Code::timeout, fmt::format("{} took longer than {} s", what, budget.count()));
    }
    co_return ShortChild{.status = ended->signalled ? 128 + ended->code : ended->code,
                         .out = (*child)->output(),
                         .last_words = (*child)->last_words(last_lines)};
}

}  // namespace sarai::engine
