#include "engine/process.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <functional>
#include <thread>

#include "engine/worker.hpp"
#include "net/task_group.hpp"

namespace sarai::engine::process_test {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;

class ChildProcessTest : public testing::Test {
protected:
    void run(std::function<asio::awaitable<void>()> body) {
        net::TaskGroup tasks(io.get_executor());
        const auto whole = [&]() -> asio::awaitable<void> {
            co_await body();
            done = true;
        };
        tasks.spawn("test", whole());
        io.run_for(20s);
        EXPECT_TRUE(done);
    }
    std::unique_ptr<ChildProcess> shell(const std::string& script) {
        auto child = ChildProcess::start(
            io.get_executor(),
            {.program = "/bin/sh", .arguments = {"-c", script}, .environment = {{"ADDED", "value"}}});
        EXPECT_TRUE(child.has_value());
        return std::move(*child);
    }

    asio::io_context io;
    bool done = false;
};

char state_of(pid_t pid) {
    std::ifstream stat("/proc/" + std::to_string(pid) + "/stat");
    const std::string line{std::istreambuf_iterator<char>(stat), {}};
    const auto name_end = line.rfind(')');
    return name_end == std::string::npos ? '?' : line[name_end + 2];
}
bool exists(pid_t pid) { return ::kill(pid, 0) == 0; }

}  // namespace

TEST_F(ChildProcessTest, APausedWorkerStandsStillWithWhatItStartedAndEndsBySigtermAllTheSame) {
    const auto program = fs::path(testing::TempDir()) / ("server-" + std::to_string(::getpid()));
    std::ofstream(program) << "#!/bin/sh\nsleep 100 &\nwait\n";
    fs::permissions(program, fs::perms::owner_all);
    run([&]() -> asio::awaitable<void> {
        auto worker = Worker::start(io.get_executor(), program, {.name = "m", .shape = {}}, program.string() + ".sock");
        EXPECT_TRUE(worker.has_value());
        const auto pid = (*worker)->pid();
        asio::steady_timer moment(io);
        const auto becomes = [&](pid_t who, char state) -> asio::awaitable<bool> {
            for (int tries = 0; tries < 500; ++tries) {
                if (state_of(who) == state) co_return true;
                moment.expires_after(10ms);
                co_await moment.async_wait(asio::use_awaitable);
            }
            co_return false;
        };
        pid_t child = 0;
        for (int tries = 0; child == 0 && tries < 500; ++tries) {
            std::ifstream("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) + "/children") >> child;
            moment.expires_after(10ms);
            co_await moment.async_wait(asio::use_awaitable);
        }
        (*worker)->pause();
        EXPECT_TRUE(co_await becomes(pid, 'T'));
        EXPECT_TRUE(co_await becomes(child, 'T'));
        (*worker)->resume();
        EXPECT_TRUE(co_await becomes(pid, 'S'));
        (*worker)->pause();
        EXPECT_TRUE(co_await becomes(pid, 'T'));
        co_await (*worker)->stop(10s);
        (*worker)->pause();
        EXPECT_THAT((co_await (*worker)->gone()).message, testing::HasSubstr("was killed by signal 15"));
    });
    fs::remove(program);
}

TEST_F(ChildProcessTest, KeepsAsMuchOfTheOutputAsIsWanted) {
    run([&]() -> asio::awaitable<void> {
        auto child = ChildProcess::start(
            io.get_executor(),
            {.program = "/bin/sh", .arguments = {"-c", "head -c 9000 /dev/zero | tr '\\0' x"}, .most_output = 5000});
        (void)co_await (*child)->wait();
        EXPECT_EQ((*child)->output(), std::string(5000, 'x'));
    });
}

TEST_F(ChildProcessTest, KeepsOutputLastWordsAndStatus) {
    run([this]() -> asio::awaitable<void> {
        auto child = shell("echo $ADDED; echo one >&2; echo two >&2; echo three >&2; exit 7");
        const auto status = co_await child->wait();
        EXPECT_EQ(status.describe(), "exited with status 7");
        EXPECT_EQ(child->output(), "value\n");
        EXPECT_EQ(child->last_words(2), "two\nthree");
        EXPECT_EQ(child->last_words(9), "value\none\ntwo\nthree");
        EXPECT_FALSE(exists(child->pid())) << "reaped";
    });
}

TEST_F(ChildProcessTest, ABacktraceIsNotItsLastWords) {
    run([this]() -> asio::awaitable<void> {
        auto child =
            shell("printf 'GGML_ASSERT(x) failed\\n/lib/libc.so.6(+0x29fba) [0x7fc9a8]\\n./a(f+0x1) [0x5]\\n' >&2");
        (void)co_await child->wait();
        EXPECT_EQ(child->last_words(2), "GGML_ASSERT(x) failed");
    });
}

TEST_F(ChildProcessTest, GetsNoFlagsOfTheEngineThroughTheEnvironment) {
    run([this]() -> asio::awaitable<void> {
        ::setenv("LLAMA_ARG_SWA_FULL", "1", 1);
        ::setenv("SARAI_TEST_VARIABLE", "kept", 1);
        auto child = shell("echo \"[$LLAMA_ARG_SWA_FULL][$SARAI_TEST_VARIABLE]\"");
        ::unsetenv("LLAMA_ARG_SWA_FULL");
        ::unsetenv("SARAI_TEST_VARIABLE");
        co_await child->wait();
        EXPECT_EQ(child->output(), "[][kept]\n");
    });
}

TEST_F(ChildProcessTest, IsKilledWhenItIgnoresSigterm) {
    run([this]() -> asio::awaitable<void> {
        auto child = shell("trap '' TERM; echo ready; while :; do sleep 0.02; done");
        while (child->output().empty()) (void)co_await child->wait_for(10ms);
        const auto status = co_await child->stop(50ms);
        EXPECT_EQ(status.describe(), "was killed by signal 9 (Killed)");
    });
}

TEST_F(ChildProcessTest, IsKilledAndReapedWhenItsHandleGoes) {
    pid_t pid = 0;
    run([&]() -> asio::awaitable<void> {
        auto child = shell("sleep 100");
        pid = child->pid();
        EXPECT_EQ(co_await child->wait_for(20ms), std::nullopt);
    });
    EXPECT_FALSE(exists(pid));
}

TEST_F(ChildProcessTest, DoesNotWaitForAGrandchildThatHoldsThePipes) {
    run([this]() -> asio::awaitable<void> {
        auto child = shell("sleep 60 & echo said; exit 0");
        EXPECT_TRUE((co_await child->wait_for(30s)).has_value());
        EXPECT_EQ(child->output(), "said\n");
    });
}

TEST_F(ChildProcessTest, TakesWhatItStartedWithIt) {
    pid_t grandchild = 0;
    run([&]() -> asio::awaitable<void> {
        auto child = shell("sleep 100 & echo $!; wait");
        while (!child->output().contains('\n')) (void)co_await child->wait_for(5ms);
        grandchild = std::stoi(child->output());
        child->signal(SIGKILL);
        (void)co_await child->wait();
    });
    // Somebody else reaps it: a zombie is as good as gone.
    const auto gone = [&] {
        std::ifstream stat("/proc/" + std::to_string(grandchild) + "/stat");
        std::string pid, name, state;
        return !(stat >> pid >> name >> state) || state == "Z";
    };
    for (int tries = 0; !gone() && tries < 500; ++tries) std::this_thread::sleep_for(10ms);
    EXPECT_TRUE(gone());
}

TEST_F(ChildProcessTest, KeepsOnlyTheEndOfALongStory) {
    run([this]() -> asio::awaitable<void> {
        auto child = shell(
            "i=0; while [ $i -lt 20000 ]; do echo \"line $i of a story that is too long to keep\" >&2; i=$((i+1)); "
            "done");
        (void)co_await child->wait();
        EXPECT_THAT(child->last_words(1), testing::HasSubstr("line 19999 "));
    });
}

TEST(FindProgram, NamesWhatIsMissing) {
    EXPECT_EQ(find_program("sh")->filename(), "sh");
    EXPECT_EQ(find_program("no-such-program-here").error().code, Code::not_found);
    EXPECT_EQ(find_program("/no/such/path").error().code, Code::not_found);
}

TEST_F(ChildProcessTest, PipedIsFedAndRead) {
    std::signal(SIGPIPE, SIG_IGN);  // as the program does
    const auto piped = [&](const std::string& script) {
        auto child = ChildProcess::start(io.get_executor(),
                                         {.program = "/bin/bash", .arguments = {"-c", script}, .piped = true});
        EXPECT_TRUE(child.has_value());
        return std::move(*child);
    };
    run([&]() -> asio::awaitable<void> {
        const auto upper = piped("tr a-z A-Z; echo said >&2");
        EXPECT_TRUE(co_await upper->feed("one "));
        EXPECT_TRUE(co_await upper->feed("two"));
        upper->end_input();
        std::string all;
        for (auto part = co_await upper->read(); !part.empty(); part = co_await upper->read()) all += part;
        EXPECT_EQ(all, "ONE TWO");
        EXPECT_EQ((co_await upper->wait()).code, 0);
        EXPECT_EQ(upper->last_words(1), "said");
        EXPECT_EQ(upper->output(), "");
        const auto gone = piped("exec <&-; echo x");
        EXPECT_EQ(co_await gone->read(), "x\n");
        const auto fed = co_await gone->feed("too late");
        EXPECT_FALSE(fed.has_value());
    });
}

TEST_F(ChildProcessTest, InACageHasNoNetworkAndOnlySoMuchOfEverything) {
    const auto caged = [&](const std::string& script, Cage cage) {
        auto child =
            ChildProcess::start(io.get_executor(), {.program = "/bin/bash", .arguments = {"-c", script}, .cage = cage});
        EXPECT_TRUE(child.has_value());
        return std::move(*child);
    };
    run([&]() -> asio::awaitable<void> {
        const auto online = caged("exec 3<>/dev/udp/127.0.0.1/9 && echo made", {});
        co_await online->wait();
        EXPECT_EQ(online->output(), "made\n");
        const auto offline = caged("exec 3<>/dev/udp/127.0.0.1/9 && echo made", {.network = false});
        co_await offline->wait();
        EXPECT_EQ(offline->output(), "");
        EXPECT_THAT(offline->last_words(3), testing::HasSubstr("Permission denied"));
        const auto small =
            caged("ulimit -v; ulimit -t; ulimit -f", {.address_space = MiB(512), .file_size = MiB(1), .cpu = 7s});
        co_await small->wait();
        EXPECT_EQ(small->output(), "524288\n7\n1024\n");
    });
}

#if defined(__x86_64__)
TEST_F(ChildProcessTest, InACageWithoutAmxIsRefusedItsRegistersAndNothingElse) {
    // arch_prctl: ARCH_REQ_XCOMP_PERM of tile data, then ARCH_GET_XCOMP_SUPP, which anyone may ask.
    const std::string script =
        "import ctypes, errno\n"
        "libc = ctypes.CDLL(None, use_errno=True)\n"
        "asked = libc.syscall(158, 0x1023, 18)\n"
        "print('refused' if asked and ctypes.get_errno() == errno.EPERM else 'not by us')\n"
        "print(libc.syscall(158, 0x1021, ctypes.byref(ctypes.c_ulong())))\n";
    const auto caged = [&](Cage cage) {
        auto child = ChildProcess::start(io.get_executor(),
                                         {.program = "/usr/bin/python3", .arguments = {"-c", script}, .cage = cage});
        EXPECT_TRUE(child.has_value());
        return std::move(*child);
    };
    run([&]() -> asio::awaitable<void> {
        const auto without = caged({.amx = false});
        co_await without->wait();
        EXPECT_EQ(without->output(), "refused\n0\n") << without->last_words(3);
        const auto with = caged({});
        co_await with->wait();
        EXPECT_EQ(with->output(), "not by us\n0\n") << with->last_words(3);
    });
}
#endif

}  // namespace sarai::engine::process_test
