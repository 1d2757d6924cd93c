#include "memory/process_memory.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

namespace sarai::memory {

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

TEST(ProcessMemory, SeesThisProcessAndThisMachine) {
    const auto own = read_process_memory(::getpid());
    ASSERT_TRUE(own.has_value());
    EXPECT_GT(own->pss, MiB(1));
    EXPECT_LE(own->anonymous + own->file, own->pss + KiB(64));
    EXPECT_GT(read_machine_memory().total, read_machine_memory().available);
}

}  // namespace sarai::memory
