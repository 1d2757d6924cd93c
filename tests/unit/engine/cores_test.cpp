#include "engine/cores.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

namespace sarai::engine::cores_test {
namespace {

namespace fs = std::filesystem;

class Cores : public testing::Test {
protected:
    Cores() { fs::remove_all(system); }
    ~Cores() override { fs::remove_all(system); }
    void write(const fs::path& file, const std::string& text) const {
        fs::create_directories((system / file).parent_path());
        std::ofstream(system / file) << text << "\n";
    }
    void siblings(int cpu, const std::string& list) const {
        write("system/cpu/cpu" + std::to_string(cpu) + "/topology/thread_siblings_list", list);
    }

    fs::path system = fs::path(testing::TempDir()) / ("cores-" + std::to_string(::getpid()));
};

}  // namespace

using List = std::vector<Core>;

TEST_F(Cores, TwoThreadsOfACoreAreOne) {
    for (int cpu = 0; cpu < 8; ++cpu) siblings(cpu, std::to_string(cpu % 4) + "," + std::to_string(cpu % 4 + 4));
    EXPECT_EQ(compute_cores(system, {0, 1, 2, 3, 4, 5, 6, 7}), (List{{0, 4}, {1, 5}, {2, 6}, {3, 7}}));
    EXPECT_EQ(compute_cores(system, {0, 4}), (List{{0, 4}})) << "both threads of one core are allowed to us";
    EXPECT_EQ(compute_cores(system, {2, 3}), (List{{2}, {3}}));
}

TEST_F(Cores, OfAHybridProcessorOnlyTheFastOnesCount) {
    for (int cpu = 0; cpu < 4; ++cpu) siblings(cpu, cpu < 2 ? "0-1" : "2-3");
    for (int cpu = 4; cpu < 12; ++cpu) siblings(cpu, std::to_string(cpu));
    write("cpu_core/cpus", "0-3");
    EXPECT_EQ(compute_cores(system, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}), (List{{0, 1}, {2, 3}}));
    EXPECT_EQ(compute_cores(system, {5, 6, 7}), (List{{5}, {6}, {7}})) << "none of the fast ones is ours";
}

TEST_F(Cores, WhereTheSystemDoesNotTellEachCpuIsOne) {
    EXPECT_EQ(compute_cores(system, {0, 1, 5}), (List{{0}, {1}, {5}}));
    EXPECT_EQ(compute_cores(system, {}), (List{{0}}));
    EXPECT_GE(compute_cores().size(), 1U);
}

}  // namespace sarai::engine::cores_test
