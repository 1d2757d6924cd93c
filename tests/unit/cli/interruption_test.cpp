#include "cli/interruption.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

namespace sarai::cli::interruption_test {
namespace {

using namespace std::chrono_literals;

void press() { ::kill(::getpid(), SIGINT); }

void wait_for_stop(const std::stop_token& stop) {
    while (!stop.stop_requested()) std::this_thread::sleep_for(1ms);
}

TEST(Interruption, TheFirstAsksToStopAndSaysWhatIsGivenUp) {
    testing::internal::CaptureStderr();
    {
        Interruption interruption;
        interruption.waits_for("the server");
        EXPECT_FALSE(interruption.token().stop_requested());
        press();
        wait_for_stop(interruption.token());
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(),
              "\nending: the server is not waited for any longer; Ctrl-C again ends at once\n");
}

TEST(InterruptionDeathTest, TheSecondEndsTheProcessWhateverItIsAt) {
    EXPECT_EXIT(
        {
            const Interruption interruption;
            press();
            wait_for_stop(interruption.token());
            press();
            std::this_thread::sleep_for(60s);
        },
        testing::ExitedWithCode(130), "Ctrl-C again ends at once");
}

}  // namespace
}  // namespace sarai::cli::interruption_test
