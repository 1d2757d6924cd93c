#include "engine/private_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <vector>

#include "engine/runtime_dir.hpp"
#include "support/temp_folder.hpp"

namespace sarai::engine::private_dir_test {
namespace {

namespace fs = std::filesystem;

class PrivateDirTest : public testing::Test {
protected:
    [[nodiscard]] Result<PrivateDir> make() const { return PrivateDir::create(parent, "sarai-test"); }
    [[nodiscard]] std::vector<std::string> names() const {
        std::vector<std::string> all;
        for (const auto& entry : fs::directory_iterator(parent)) all.push_back(entry.path().filename().string());
        return all;
    }

    test::TempFolder folder;
    fs::path parent = folder.path() / "not" / "there yet";
};

TEST_F(PrivateDirTest, IsForItsOwnerAloneAndGoesWithAllThatIsInIt) {
    {
        const auto made = make();
        ASSERT_TRUE(made.has_value()) << made.error().message;
        EXPECT_EQ(made->path().parent_path(), parent);
        EXPECT_EQ(fs::status(made->path()).permissions(), fs::perms::owner_all);
        fs::create_directory(made->path() / "below");
        std::ofstream(made->path() / "below" / "file") << "x";
    }
    EXPECT_TRUE(names().empty());
}

TEST_F(PrivateDirTest, ClearsWhatTheDeadLeftAndKeepsWhatTheLivingHave) {
    const auto alive = make();
    ASSERT_TRUE(alive.has_value());
    // One that is killed: nothing of it is cleaned up, and its lock goes with it.
    const auto child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        auto left = make();
        if (left) std::ofstream(left->path() / "file") << "x";
        ::_exit(left ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_EQ(status, 0);
    ASSERT_EQ(names().size(), 2U);
    // Of others, and of other things: a name that is longer, another prefix, a file, a link.
    const std::vector<std::string> foreign{"sarai-test-12345.abcdef", "sarai-testify.abcdef", "other.abcdef"};
    for (const auto& name : foreign) fs::create_directory(parent / name);
    std::ofstream(parent / "sarai-test.a-file") << "x";
    fs::create_directory(folder.path() / "elsewhere");
    fs::create_directory_symlink(folder.path() / "elsewhere", parent / "sarai-test.a-link");

    const auto next = make();
    ASSERT_TRUE(next.has_value());
    EXPECT_THAT(names(), testing::UnorderedElementsAre(alive->path().filename().string(),
                                                       next->path().filename().string(), foreign[0], foreign[1],
                                                       foreign[2], "sarai-test.a-file", "sarai-test.a-link"));
    EXPECT_TRUE(fs::exists(folder.path() / "elsewhere"));
}

TEST_F(PrivateDirTest, TellsWhereItCannotBeMade) {
    std::ofstream(folder.path() / "file") << "x";
    const auto made = PrivateDir::create(folder.path() / "file", "sarai-test");
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().code, Code::io);
    EXPECT_THAT(made.error().message, testing::HasSubstr((folder.path() / "file").string()));
}

TEST(RuntimeDir, IsWhereItIsConfigured) {
    const test::TempFolder folder;
    const auto made = make_runtime_dir(folder.path());
    ASSERT_TRUE(made.has_value());
    EXPECT_EQ(made->path().parent_path(), folder.path());
    EXPECT_TRUE(made->path().filename().string().starts_with("sarai-run."));
}

TEST(RuntimeDir, RefusesAPathThatIsTooLongForASocketBeforeItMakesAnything) {
    const test::TempFolder folder;
    const auto parent = folder.path() / std::string(100, 'x');
    const auto made = make_runtime_dir(parent);
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error().message, testing::HasSubstr("107 bytes"));
    EXPECT_FALSE(fs::exists(parent));
}

}  // namespace
}  // namespace sarai::engine::private_dir_test
