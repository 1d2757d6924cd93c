#include "engine/cpu.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <fstream>

namespace sarai::engine::cpu_test {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(Cpu, TellsInstructionsThatTheEngineHasCodeForInAnOrderOfItsOwn) {
    const auto cpu = parse_cpuinfo(
        "processor\t: 0\nmodel name\t: Some CPU @ 2 GHz: fast\nflags\t\t: fpu avx512f avx2 sse4_2 amx_int8 ht fma\n\n"
        "processor\t: 1\nmodel name\t: Some CPU\nflags\t\t: fpu sse4_2\n");
    EXPECT_EQ(cpu.name, "Some CPU @ 2 GHz: fast");
    EXPECT_EQ(cpu.logical, 2);
    EXPECT_THAT(cpu.features, ElementsAre("sse4_2", "fma", "avx2", "avx512f", "amx_int8"));
}

TEST(Cpu, OfArmHasFeatures) {
    const auto cpu = parse_cpuinfo("processor\t: 0\nBogoMIPS\t: 50.00\nFeatures\t: fp asimd sve i8mm asimddp\n");
    EXPECT_EQ(cpu.name, "");
    EXPECT_THAT(cpu.features, ElementsAre("asimd", "asimddp", "i8mm", "sve"));
}

TEST(Cpu, OfNothingIsNothing) {
    EXPECT_EQ(parse_cpuinfo("").logical, 0);
    EXPECT_THAT(parse_cpuinfo("no colon\n:\n").features, IsEmpty());
}

TEST(Cpu, NamesTheBuildThatGgmlHasChosen) {
    EXPECT_EQ(cpu_build("/usr/lib/ggml/backends0/libggml-cpu-sapphirerapids.so"), "sapphirerapids");
    EXPECT_EQ(cpu_build("/opt/llama/libggml-cpu.so"), "built in");
    EXPECT_EQ(cpu_build("/opt/llama/libggml-base.so.0"), "");
    EXPECT_EQ(cpu_build("/opt/llama/libggml-rpc.so"), "");
}

class Quota : public testing::Test {
protected:
    Quota() : mount(fs::temp_directory_path() / ("sarai-cpu-" + std::to_string(::getpid()))) {}
    ~Quota() override { fs::remove_all(mount); }
    void write(const std::string& file, const std::string& text) const {
        fs::create_directories((mount / file).parent_path());
        std::ofstream(mount / file) << text;
    }
    fs::path mount;
};

TEST_F(Quota, IsTheLowestOnTheWayUp) {
    write("a/b/cpu.max", "400000 100000\n");
    write("a/cpu.max", "150000 100000\n");
    write("cpu.max", "max 100000\n");
    EXPECT_EQ(read_cpu_quota("0::/a/b\n", mount), 1.5);
}

TEST_F(Quota, OfVersionOneIsReadToo) {
    write("cpu/docker/cpu.cfs_quota_us", "50000\n");
    write("cpu/docker/cpu.cfs_period_us", "100000\n");
    write("cpu/cpu.cfs_quota_us", "-1\n");
    write("cpu/cpu.cfs_period_us", "100000\n");
    EXPECT_EQ(read_cpu_quota("3:cpu,cpuacct:/docker\n0::/\n", mount), 0.5);
}

TEST_F(Quota, IsAbsentWhereNothingLimits) {
    write("a/cpu.max", "max 100000\n");
    EXPECT_EQ(read_cpu_quota("0::/a\n", mount), std::nullopt);
    EXPECT_EQ(read_cpu_quota("nonsense\n", mount), std::nullopt);
    EXPECT_EQ(read_cpu_quota("", mount), std::nullopt);
}

}  // namespace
}  // namespace sarai::engine::cpu_test
