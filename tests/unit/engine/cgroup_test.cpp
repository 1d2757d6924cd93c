#include "engine/cgroup.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <csignal>
#include <fstream>

#include "engine/process.hpp"
#include "engine/worker.hpp"
#include "net/task_group.hpp"

namespace sarai::engine::cgroup_test {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using testing::HasSubstr;

// A folder that looks like a cgroup. What the kernel does to such files by itself, the tests do.
class CgroupTest : public testing::Test {
protected:
    CgroupTest() {
        fs::remove_all(own);
        fs::create_directories(own);
        write("cgroup.type", "domain\n");
        write("cgroup.controllers", "cpu memory pids\n");
        write("cgroup.subtree_control", "\n");
        write("cgroup.procs", "4711\n");
    }
    ~CgroupTest() override { fs::remove_all(own); }

    void write(const fs::path& file, std::string_view text) const { std::ofstream(own / file) << text; }
    [[nodiscard]] std::string read(const fs::path& file) const {
        std::ifstream in(own / file);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    // A cgroup's files go with it; a folder's do not.
    void forget_files_of(const fs::path& worker) const {
        for (const auto& file : fs::directory_iterator(own / worker)) fs::remove(file);
    }
    [[nodiscard]] std::string refusal() const {
        const auto ours = check_delegated(own, 4711);
        return ours ? "" : ours.error().message;
    }

    fs::path own = fs::temp_directory_path() / ("sarai-cgroup-test-" + std::to_string(::getpid()));
};

}  // namespace

TEST(OwnCgroup, IsFoundInAUnifiedHierarchy) {
    EXPECT_EQ(find_own_cgroup("24 30 0:22 / /proc rw - proc proc rw\n"
                              "35 30 0:30 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n",
                              "0::/system.slice/sarai.service\n"),
              "/sys/fs/cgroup/system.slice/sarai.service");
}

TEST(OwnCgroup, IsFoundBesideVersionOneAndInsideOfAContainer) {
    EXPECT_EQ(find_own_cgroup("31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
                              "32 30 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
                              "4:memory:/a\n0::/\n"),
              "/sys/fs/cgroup/unified");
    EXPECT_EQ(find_own_cgroup("35 30 0:30 /docker/abc /sys/fs/cgroup ro - cgroup2 cgroup rw\n", "0::/docker/abc/x\n"),
              "/sys/fs/cgroup/x");
}

TEST(OwnCgroup, IsMissedWithAReason) {
    EXPECT_THAT(find_own_cgroup("31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw\n", "0::/\n").error().message,
                HasSubstr("no cgroup v2"));
    EXPECT_THAT(find_own_cgroup("", "").error().message, HasSubstr("no cgroup v2"));
    EXPECT_FALSE(find_own_cgroup("35 30 0:30 / /c rw - cgroup2 cgroup2 rw\n", "4:memory:/a\n").has_value());
    EXPECT_FALSE(find_own_cgroup("35 30 0:30 / /c rw -\n35 - cgroup2\n-\n", "0::/\n").has_value());
}

TEST_F(CgroupTest, IsOursWhenItIsWritableHasMemoryAndNobodyElse) {
    EXPECT_EQ(refusal(), "");
    write("cgroup.controllers", "cpu memory");
    EXPECT_EQ(refusal(), "");
}

TEST_F(CgroupTest, IsNotOursWithoutTheMemoryController) {
    for (const auto* controllers : {"", "\n", "cpu pids\n", "memoryless\n"}) {
        write("cgroup.controllers", controllers);
        EXPECT_THAT(refusal(), HasSubstr("has no memory controller")) << controllers;
    }
}

TEST_F(CgroupTest, IsNotOursWhenOthersLiveThere) {
    write("cgroup.procs", "4711\n815\n");
    EXPECT_THAT(refusal(), HasSubstr("shared with process 815"));
    // In the root, and only there, processes may stay beside controlled children.
    fs::remove(own / "cgroup.type");
    EXPECT_EQ(refusal(), "");
}

TEST_F(CgroupTest, IsNotOursWhenItCannotBeWritten) {
    fs::remove(own / "cgroup.subtree_control");
    EXPECT_THAT(refusal(), HasSubstr("not delegated"));
    fs::remove_all(own);
    EXPECT_THAT(refusal(), HasSubstr("does not exist"));
}

TEST_F(CgroupTest, IsTakenByMovingToALeafFirst) {
    const auto tree = CgroupTree::take(own, 4711);
    ASSERT_TRUE(tree.has_value()) << describe(tree.error());
    EXPECT_EQ(read("sarai/cgroup.procs"), "4711");
    EXPECT_EQ(read("cgroup.subtree_control"), "+memory");
    EXPECT_EQ((*tree)->pressure(), own / "memory.pressure");
}

TEST_F(CgroupTest, IsTakenInTheRootWithoutMoving) {
    fs::remove(own / "cgroup.type");
    write("cgroup.subtree_control", "cpu memory\n");
    ASSERT_TRUE(CgroupTree::take(own, 4711).has_value());
    EXPECT_FALSE(fs::exists(own / "sarai"));
    EXPECT_EQ(read("cgroup.subtree_control"), "cpu memory\n") << "enabled already";
}

TEST_F(CgroupTest, LosesWhatAnEarlierSaraiLeft) {
    fs::create_directory(own / "worker-3");
    fs::create_directory(own / "else");
    ASSERT_TRUE(CgroupTree::take(own, 4711).has_value());
    EXPECT_FALSE(fs::exists(own / "worker-3"));
    EXPECT_TRUE(fs::exists(own / "else"));
}

TEST_F(CgroupTest, GivesNoWorkerAPlaceThatSomebodyHasNotLeftYet) {
    fs::create_directory(own / "worker-1");
    write("worker-1/cgroup.procs", "99\n");
    const auto tree = CgroupTree::take(own, 4711);
    for (const auto* place : {"worker-2", "worker-3"}) {
        const auto worker = (*tree)->make_worker(GiB(1));
        ASSERT_TRUE(worker.has_value());
        EXPECT_EQ((*worker)->door(), own / place / "cgroup.procs");
        EXPECT_FALSE(fs::exists(own / place / "cgroup.kill"));
        EXPECT_EQ(read("worker-1/cgroup.kill"), "1") << "it is tried again";
        forget_files_of(place);
    }
}

TEST_F(CgroupTest, LimitsAWorkerToItsPlanItsErrorAndTheKernelsShare) {
    EXPECT_EQ(limit_for(GiB(6), MiB(184)), GiB(6) + MiB(184) + MiB(12) + MiB(16));
    const auto tree = CgroupTree::take(own, 4711);
    {
        const auto worker = (*tree)->make_worker(GiB(2));
        ASSERT_TRUE(worker.has_value());
        EXPECT_EQ((*worker)->door(), own / "worker-1/cgroup.procs");
        EXPECT_EQ(read("worker-1/memory.max"), "2147483648");
        EXPECT_EQ(read("worker-1/memory.oom.group"), "1");
        EXPECT_FALSE(fs::exists(own / "worker-1/memory.swap.max")) << "the kernel counts no swap";
        forget_files_of("worker-1");
    }
    EXPECT_FALSE(fs::exists(own / "worker-1"));
}

TEST_F(CgroupTest, LetsNoWorkerSwapPastItsLimit) {
    const auto tree = CgroupTree::take(own, 4711);
    fs::create_directory(own / "worker-1");
    write("worker-1/memory.swap.max", "max\n");  // as the kernel does in a new cgroup
    const auto worker = (*tree)->make_worker(GiB(2));
    ASSERT_TRUE(worker.has_value());
    EXPECT_EQ(read("worker-1/memory.swap.max"), "0");
    forget_files_of("worker-1");
}

TEST_F(CgroupTest, EndsWhoIsLeftInAWorkersCgroupAndRemovesItLater) {
    const auto tree = CgroupTree::take(own, 4711);
    {
        const auto worker = (*tree)->make_worker(GiB(2));
        write("worker-1/cgroup.procs", "99\n");
    }
    EXPECT_EQ(read("worker-1/cgroup.kill"), "1");
    ASSERT_TRUE(fs::exists(own / "worker-1")) << "busy until its process was reaped";
    forget_files_of("worker-1");
    const auto next = (*tree)->make_worker(GiB(2));
    EXPECT_FALSE(fs::exists(own / "worker-1"));
    EXPECT_EQ((*next)->door(), own / "worker-2/cgroup.procs");
}

TEST_F(CgroupTest, TellsAnEndByTheLimitFromOtherEnds) {
    const auto tree = CgroupTree::take(own, 4711);
    const auto worker = (*tree)->make_worker(MiB(1536));
    const ExitStatus killed{.signalled = true, .code = SIGKILL};
    EXPECT_EQ(describe_end(killed, worker->get()), "was killed by signal 9 (Killed)");
    write("worker-1/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 0\noom_group_kill 0\n");
    EXPECT_EQ(describe_end(killed, worker->get()), "was killed by signal 9 (Killed)");
    write("worker-1/memory.events", "low 0\nhigh 0\nmax 12\noom 1\noom_kill 3\noom_group_kill 1\n");
    EXPECT_EQ(describe_end(killed, worker->get()), "was killed because it exceeded its memory limit of 1.50 GiB");
    EXPECT_EQ(describe_end({.signalled = true, .code = SIGTERM}, worker->get()),
              "was killed by signal 15 (Terminated)");
    EXPECT_EQ(describe_end({.code = 1}, worker->get()), "exited with status 1");
    EXPECT_EQ(describe_end(killed, nullptr), "was killed by signal 9 (Killed)");
    forget_files_of("worker-1");
}

TEST_F(CgroupTest, HoldsAChildBeforeItsProgramRuns) {
    const auto tree = CgroupTree::take(own, 4711);
    const auto worker = (*tree)->make_worker(GiB(2));
    write("worker-1/cgroup.procs", "");
    asio::io_context io;
    std::string said;
    pid_t pid = 0;
    const auto body = [&]() -> asio::awaitable<void> {
        auto child = ChildProcess::start(
            io.get_executor(),
            {.program = "/bin/cat", .arguments = {(*worker)->door().string()}, .cgroup = (*worker)->door()});
        if (!child) co_return;
        pid = (*child)->pid();
        (void)co_await (*child)->wait();
        said = (*child)->output();
    };
    net::TaskGroup tasks(io.get_executor());
    tasks.spawn("test", body());
    io.run_for(20s);
    EXPECT_NE(pid, 0);
    EXPECT_EQ(said, std::to_string(pid));
    forget_files_of("worker-1");
}

// With the real kernel, where it lets us make a cgroup: without any controller, for that may need a whole machine.
TEST(OwnCgroup, MovesAChildBeforeItsProgramRuns) {
    const auto slurp = [](const char* path) {
        std::ifstream in(path);
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const auto own = find_own_cgroup(slurp("/proc/self/mountinfo"), slurp("/proc/self/cgroup"));
    if (!own) GTEST_SKIP() << own.error().message;
    const auto name = "sarai-test-" + std::to_string(::getpid());
    std::error_code ec;
    if (!fs::create_directory(*own / name, ec)) GTEST_SKIP() << "cannot make a cgroup: " << ec.message();
    asio::io_context io;
    std::string said;
    const auto body = [&]() -> asio::awaitable<void> {
        auto child = ChildProcess::start(
            io.get_executor(),
            {.program = "/bin/cat", .arguments = {"/proc/self/cgroup"}, .cgroup = *own / name / "cgroup.procs"});
        if (!child) {
            said = describe(child.error());
            co_return;
        }
        (void)co_await (*child)->wait();
        said = (*child)->output();
    };
    net::TaskGroup tasks(io.get_executor());
    tasks.spawn("test", body());
    io.run_for(20s);
    EXPECT_THAT(said, testing::ContainsRegex("0::/(.*/)?" + name + "\n"));
    EXPECT_EQ(::rmdir((*own / name).c_str()), 0) << "left behind: " << *own / name;
}

TEST_F(CgroupTest, DoesNotRunAChildThatCannotBeHeld) {
    asio::io_context io;
    const auto child = ChildProcess::start(
        io.get_executor(), {.program = "/bin/cat", .arguments = {}, .cgroup = own / "gone/cgroup.procs"});
    ASSERT_FALSE(child.has_value());
    EXPECT_EQ(child.error().code, Code::io);
    EXPECT_EQ(child.error().cause, std::errc::no_such_file_or_directory);
}

}  // namespace sarai::engine::cgroup_test
