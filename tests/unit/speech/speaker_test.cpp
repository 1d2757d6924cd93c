#include "speech/speaker.hpp"

#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <vector>

namespace sarai::speech::speaker_test {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

TEST(Speaker, WhoFindsNoPlaceBesideListenersThatTakeNothingIsTold) {
    asio::io_context io;
    config::Speech settings;
    settings.at_once = 1;
    settings.timeout = 300ms;
    Speaker speaker(io.get_executor(), settings);
    const auto never = [&](std::string) -> asio::awaitable<Result<void>> {
        asio::steady_timer forever(io, asio::steady_timer::time_point::max());
        co_await forever.async_wait(asio::use_awaitable);
        co_return Result<void>{};
    };
    std::vector<Code> ends;
    const auto listen = [&]() -> asio::awaitable<void> {
        const auto said = co_await speaker.speak({.text = "Hello.", .voice = "en"}, never);
        EXPECT_FALSE(said);
        if (!said) ends.push_back(said.error().code);
    };
    for (int i = 0; i < 5; ++i) asio::co_spawn(io, listen(), asio::detached);
    io.run_for(20s);
    ASSERT_EQ(ends.size(), 5U);
    EXPECT_THAT(ends, testing::Contains(Code::timeout));
    EXPECT_THAT(ends, testing::Contains(Code::unavailable));
}

}  // namespace
}  // namespace sarai::speech::speaker_test
