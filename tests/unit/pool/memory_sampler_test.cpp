#include "pool/memory_sampler.hpp"

#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <csignal>
#include <fstream>
#include <optional>
#include <utility>

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
            boost::asio::co_spawn(io, sampler->sample(std::move(workers), exact_after), boost::asio::use_future);
        io.restart();
        io.run();
        return reading.get();
    }
    boost::asio::io_context io;
    std::optional<MemorySampler> sampler{std::in_place, "/proc/pressure/memory"};
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

TEST_F(Sampler, CountsAStrangerAndWhatItStartedNowhere) {
    const Family stranger;
    sampler.emplace("/proc/pressure/memory", stranger.parent);
    EXPECT_EQ(sample({}).others.pss, Bytes{});
    const Family child;
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

// Memory that is there at once, and goes with its end.
class Block {
public:
    Block(std::size_t size, int flags, int file = -1)
        : size_(size), at_(::mmap(nullptr, size, PROT_READ | PROT_WRITE, flags | MAP_POPULATE, file, 0)) {}
    ~Block() { ::munmap(at_, size_); }
    Block(const Block&) = delete;
    Block& operator=(const Block&) = delete;

private:
    std::size_t size_;
    void* at_;
};
constexpr int anonymous = MAP_PRIVATE | MAP_ANONYMOUS;

// Much, measured by all that this program has in memory: with sanitizers it is several times as large.
std::size_t much() {
    std::size_t all = 0;
    std::size_t resident = 0;
    std::ifstream("/proc/self/statm") >> all >> resident;
    return std::max<std::size_t>(64U << 20U, resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)) / 2);
}

TEST_F(Sampler, SeesGrowthBetweenTwoExactReadings) {
    const Block weights(64U << 20U, anonymous);
    const auto before = sample({}, 1h);
    ASSERT_TRUE(before.exact);
    std::optional<Block> block(std::in_place, 8U << 20U, anonymous);
    const auto grown = sample({}, 1h);
    block.reset();
    const auto shrunk = sample({}, 1h);
    EXPECT_FALSE(grown.exact);
    EXPECT_NEAR(mib(grown.own.pss - before.own.pss), 8, 1);
    EXPECT_NEAR(mib(grown.own.anonymous - before.own.anonymous), 8, 1);
    EXPECT_EQ(grown.own.file, before.own.file);
    EXPECT_NEAR(mib(shrunk.own.pss - before.own.pss), 0, 1);
}

TEST_F(Sampler, EstimatesMuchGrowthAsWell) {
    const auto before = sample({}, 1h);
    ASSERT_TRUE(before.exact);
    const auto at = before.own.pss.count + (64 << 20);
    const Block block(static_cast<std::size_t>(at), anonymous);
    const auto grown = sample({}, 1h);
    EXPECT_TRUE(grown.estimated);
    EXPECT_NEAR(mib(grown.own.pss - before.own.pss), mib(Bytes{at}), 1);
}

TEST_F(Sampler, SeesTheFilesThatAProcessHasGivenBack) {
    const auto size = much();
    const int file = ::memfd_create("weights", 0);
    ASSERT_EQ(::ftruncate(file, static_cast<off_t>(size)), 0);
    std::optional<Block> mapped(std::in_place, size, MAP_SHARED, file);
    ::close(file);
    const auto before = sample({}, 1h);
    ASSERT_TRUE(before.exact);
    mapped.reset();
    EXPECT_NEAR(mib(sample({}, 1h).own.pss - before.own.pss), -mib(Bytes{static_cast<std::int64_t>(size)}), 16);
}

TEST_F(Sampler, SeesTheFilesThatAProcessHasMappedSince) {
    const auto before = sample({}, 1h);
    ASSERT_TRUE(before.exact);
    const auto size = much();
    const int file = ::memfd_create("weights", 0);
    ASSERT_EQ(::ftruncate(file, static_cast<off_t>(size)), 0);
    const Block mapped(size, MAP_SHARED, file);
    ::close(file);
    const auto grown = sample({}, 1h);
    EXPECT_FALSE(grown.exact) << "of all processes";
    EXPECT_FALSE(grown.estimated);
    // What it shares with other processes changes as they come and go.
    EXPECT_NEAR(mib(grown.own.pss - before.own.pss), mib(Bytes{static_cast<std::int64_t>(size)}), 16);
    EXPECT_NEAR(mib(grown.own.anonymous - before.own.anonymous), 0, 2);
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
