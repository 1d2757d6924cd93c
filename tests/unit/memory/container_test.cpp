#include "memory/container.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

namespace sarai::memory::container_test {
namespace {

namespace fs = std::filesystem;

class ContainerTest : public testing::Test {
protected:
    void SetUp() override {
        std::string name = testing::TempDir() + "sarai-container-XXXXXX";
        ASSERT_NE(::mkdtemp(name.data()), nullptr);
        mount = name;
    }
    void TearDown() override { fs::remove_all(mount); }
    void group(const fs::path& path, const std::map<std::string, std::string>& files) {
        fs::create_directories(mount / path);
        for (const auto& [name, text] : files) std::ofstream(mount / path / name) << text;
    }
    fs::path mount;
};

TEST_F(ContainerTest, FindsNoneWhereNothingLimits) {
    EXPECT_FALSE(read_container_memory("0::/\n", mount).has_value());
    EXPECT_FALSE(read_container_memory("", mount).has_value());
    EXPECT_FALSE(read_container_memory("nonsense", mount).has_value());
    group("a", {{"memory.max", "max\n"}, {"memory.current", "5\n"}});
    EXPECT_FALSE(read_container_memory("0::/a\n", mount).has_value());
    group("memory/b", {{"memory.limit_in_bytes", "9223372036854771712\n"}});
    EXPECT_FALSE(read_container_memory("4:memory:/b\n", mount).has_value());
}

TEST_F(ContainerTest, TakesTheTightestLimitOnTheWayUp) {
    group("a", {{"memory.max", "1000\n"},
                {"memory.current", "900\n"},
                {"memory.stat", "anon 1\ninactive_file 20\nactive_file 30\n"}});
    group("a/b", {{"memory.max", "max\n"}, {"memory.current", "600\n"}});
    group("a/b/c", {{"memory.max", "2000\n"}, {"memory.current", "600\n"}, {"memory.stat", "inactive_file 0\n"}});
    const auto found = read_container_memory("1:name=systemd:/x\n0::/a/b/c\n", mount);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->limit, Bytes{1000});
    EXPECT_EQ(found->available, Bytes{150}) << "of the group that has least left: 1000 - 900 + 50";
}

TEST_F(ContainerTest, SeesTheLimitOfAContainerThatShowsOnlyItself) {
    group("", {{"memory.max", "1000\n"}, {"memory.current", "2000\n"}});
    const auto found = read_container_memory("0::/../../docker/1f\n", mount);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->limit, Bytes{1000});
    EXPECT_EQ(found->available, Bytes{0}) << "a lowered limit leaves nothing, not less than that";
}

TEST_F(ContainerTest, KnowsVersionOne) {
    group("memory/docker/1f", {{"memory.limit_in_bytes", "1000\n"},
                               {"memory.usage_in_bytes", "400\n"},
                               {"memory.stat", "inactive_file 1\ntotal_inactive_file 60\ntotal_active_file 40\n"}});
    const auto found = read_container_memory("9:cpu,cpuacct:/y\n8:pids,memory:/docker/1f\n", mount);
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->limit, Bytes{1000});
    EXPECT_EQ(found->available, Bytes{700});
}

}  // namespace
}  // namespace sarai::memory::container_test
