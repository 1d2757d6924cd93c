#include "memory/process_memory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace sarai::memory::process_memory_test {

TEST(ProcessMemory, ReadsTheKernelsRollup) {
    const auto read = parse_smaps_rollup(
        "55d2c0000000-7ffd0c1ff000 ---p 00000000 00:00 0    [rollup]\n"
        "Rss:               12345 kB\nPss:                9000 kB\nPss_Dirty:          100 kB\n"
        "Pss_Anon:           6000 kB\nPss_File:           2999 kB\nPss_Shmem:             1 kB\n");
    ASSERT_TRUE(read.has_value());
    EXPECT_EQ(read->pss, KiB(9000));
    EXPECT_EQ(read->anonymous, KiB(6000));
    EXPECT_EQ(read->file, KiB(2999));
}

TEST(ProcessMemory, IsAbsentForWhatCannotBeRead) {
    EXPECT_FALSE(parse_smaps_rollup("").has_value());
    EXPECT_FALSE(parse_smaps_rollup("Rss: 1 kB\nSwapPss: 3 kB\n").has_value());
    EXPECT_FALSE(read_process_memory(99'999'999).has_value());
}

TEST(ProcessMemory, ReadsWhatIsResidentFromStatm) {
    EXPECT_EQ(parse_statm("5000 3000 1000 1 0 2000 0\n", KiB(4)),
              (Resident{.anonymous = KiB(8000), .file = KiB(4000)}));
    EXPECT_EQ(parse_statm("", KiB(4)), std::nullopt);
    EXPECT_EQ(parse_statm("5000 3000", KiB(4)), std::nullopt);
    EXPECT_EQ(read_resident(99'999'999), std::nullopt);
}

TEST(ProcessMemory, SeesGrowthInStatm) {
    constexpr std::size_t size = 64U << 20U;
    const auto before = read_resident(::getpid());
    ASSERT_TRUE(before.has_value());
    void* const block =
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    ASSERT_NE(block, MAP_FAILED);
    const auto grown = read_resident(::getpid())->anonymous - before->anonymous;
    ::munmap(block, size);
    EXPECT_NEAR(static_cast<double>(grown.count), size, 1 << 20);
}

TEST(ProcessTree, ListsChildrenAndTheirChildren) {
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const pid_t grandchild = ::fork();
        if (grandchild != 0) (void)!::write(ready[1], &grandchild, sizeof grandchild);
        ::pause();
        ::_exit(0);
    }
    pid_t grandchild = 0;
    ASSERT_EQ(::read(ready[0], &grandchild, sizeof grandchild), static_cast<ssize_t>(sizeof grandchild));
    std::vector<std::pair<pid_t, pid_t>> found;
    for (const auto& [pid, parent] : process_tree(::getpid())) found.emplace_back(pid, parent);
    EXPECT_THAT(found, testing::ElementsAre(std::pair(::getpid(), 0), std::pair(child, ::getpid()),
                                            std::pair(grandchild, child)));
    ::kill(grandchild, SIGKILL);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(ready[0]);
    ::close(ready[1]);
}

TEST(ProcessMemory, SeesThisProcessAndThisMachine) {
    const auto own = read_process_memory(::getpid());
    ASSERT_TRUE(own.has_value());
    EXPECT_GT(own->pss, KiB(256));  // most of a small program is libraries that others run as well
    EXPECT_LE(own->anonymous + own->file, own->pss + KiB(64));
    EXPECT_GT(read_machine_memory().total, read_machine_memory().available);
}

}  // namespace sarai::memory::process_memory_test
