#include "pool/memory_sampler.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <csignal>

namespace sarai::pool::memory_sampler_test {
namespace {

using namespace std::chrono_literals;

// Two processes of ours, one below the other, which wait until they are ended.
struct Family {
    pid_t parent = 0;
    pid_t child = 0;
    Family() {
        int ready[2];
        if (::pipe(ready) != 0) return;
        parent = ::fork();
        if (parent == 0) {
            const pid_t inner = ::fork();
            if (inner != 0) (void)!::write(ready[1], &inner, sizeof inner);
            ::pause();
            ::_exit(0);
        }
        (void)!::read(ready[0], &child, sizeof child);
        ::close(ready[0]);
        ::close(ready[1]);
    }
    ~Family() { end(); }
    void end() {
        if (parent == 0) return;
        ::kill(child, SIGKILL);
        ::kill(parent, SIGKILL);
        ::waitpid(parent, nullptr, 0);
        parent = 0;
    }
};

class Sampler : public ::testing::Test {
protected:
    MemoryReading sample(std::vector<pid_t> workers, std::chrono::milliseconds exact_after = 0ms) {
        auto reading =
            boost::asio::co_spawn(io, sampler.sample(std::move(workers), exact_after), boost::asio::use_future);
        io.restart();
        io.run();
        return reading.get();
    }
    boost::asio::io_context io;
    MemorySampler sampler{"/proc/pressure/memory"};
};

double mib(Bytes bytes) { return static_cast<double>(bytes.count) / (1 << 20); }

}  // namespace

TEST_F(Sampler, CountsWhatAWorkerStartedAsTheWorkers) {
    const Family family;
    const auto reading = sample({0, family.parent});
    ASSERT_EQ(reading.workers.size(), 2U);
    EXPECT_FALSE(reading.workers[0].has_value());
    ASSERT_TRUE(reading.workers[1].has_value());
    const auto one = memory::read_process_memory(family.parent);
    const auto other = memory::read_process_memory(family.child);
    ASSERT_TRUE(one && other);
    EXPECT_NEAR(mib(reading.workers[1]->pss), mib(one->pss + other->pss), 0.5);
    EXPECT_EQ(reading.others.pss, Bytes{});
    EXPECT_EQ(reading.total().pss, reading.own.pss + reading.workers[1]->pss);
    EXPECT_GT(reading.machine.total, GiB(0));
}

TEST_F(Sampler, CountsChildrenThatAreNoWorkersApart) {
    const Family family;
    const auto reading = sample({});
    EXPECT_GT(reading.others.pss, Bytes{});
    EXPECT_EQ(reading.total().pss, reading.own.pss + reading.others.pss);
}

TEST_F(Sampler, KnowsOfWorkersThatHaveGone) {
    Family family;
    const auto pid = family.parent;
    ASSERT_TRUE(sample({pid}).workers[0].has_value());
    family.end();
    EXPECT_FALSE(sample({pid}).workers[0].has_value());
    EXPECT_FALSE(sample({pid}, 1h).workers[0].has_value());
}

TEST_F(Sampler, SeesGrowthBetweenTwoExactReadings) {
    const auto before = sample({}, 1h);
    ASSERT_TRUE(before.exact);
    constexpr std::size_t size = 64U << 20U;
    void* const block =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    ASSERT_NE(block, MAP_FAILED);
    const auto grown = sample({}, 1h);
    ::munmap(block, size);
    const auto shrunk = sample({}, 1h);
    EXPECT_FALSE(grown.exact);
    EXPECT_NEAR(mib(grown.own.pss - before.own.pss), 64, 2);
    EXPECT_NEAR(mib(grown.own.anonymous - before.own.anonymous), 64, 2);
    EXPECT_EQ(grown.own.file, before.own.file);
    EXPECT_NEAR(mib(shrunk.own.pss - before.own.pss), 0, 2);
}

TEST_F(Sampler, RestsLongerThanItWorks) {
    const auto begun = std::chrono::steady_clock::now();
    const auto first = sample({});
    ASSERT_TRUE(first.exact);
    const auto second = sample({});
    if (std::chrono::steady_clock::now() - begun > first.cost * 50) GTEST_SKIP() << "this machine was too slow";
    EXPECT_FALSE(second.exact) << "however soon an exact reading is wanted";
}

}  // namespace sarai::pool::memory_sampler_test
