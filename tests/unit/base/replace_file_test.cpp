#include "base/replace_file.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <csignal>
#include <fstream>
#include <iterator>

#include "support/temp_folder.hpp"

namespace sarai::replace_file_test {
namespace {

namespace fs = std::filesystem;

std::string content(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

TEST(ReplaceFile, WritesANewOneOrAllOfWhatIsThere) {
    const test::TempFolder folder;
    const auto file = folder.path() / "a";
    ASSERT_TRUE(replace_file(file, "one and more"));
    ASSERT_TRUE(replace_file(file, "two"));
    EXPECT_EQ(content(file), "two");
}

TEST(ReplaceFile, KeepsWhatIsThereWhereTheDiskIsFull) {
    const test::TempFolder folder;
    const auto file = folder.path() / "a";
    ASSERT_TRUE(replace_file(file, "one"));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
    const auto handler = std::signal(SIGXFSZ, SIG_IGN);
    rlimit full = before;
    full.rlim_cur = 100;
    ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &full), 0);
    const auto written = replace_file(file, std::string(5000, 'x'));
    ::setrlimit(RLIMIT_FSIZE, &before);
    (void)std::signal(SIGXFSZ, handler);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::io);
    EXPECT_EQ(content(file), "one");
    EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator{}), 1);
}

TEST(ReplaceFile, FollowsALinkAndKeepsWhoMayReadIt) {
    const test::TempFolder folder;
    const auto secret = folder.path() / "secret", link = folder.path() / "link";
    ASSERT_TRUE(replace_file(secret, "one"));
    fs::permissions(secret, fs::perms::owner_read | fs::perms::owner_write);
    fs::create_symlink("secret", link);
    ASSERT_TRUE(replace_file(link, "two"));
    EXPECT_TRUE(fs::is_symlink(link));
    EXPECT_EQ(content(secret), "two");
    EXPECT_EQ(fs::status(secret).permissions(), fs::perms::owner_read | fs::perms::owner_write);
}

TEST(ReplaceFile, RefusesWhatIsNoFile) {
    const test::TempFolder folder;
    const auto written = replace_file(folder.path(), "one");
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, Code::io);
    EXPECT_FALSE(replace_file("/nowhere/a", "one"));
}

}  // namespace
}  // namespace sarai::replace_file_test
