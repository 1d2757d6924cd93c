#include "media/scratch_dir.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <optional>
#include <string>

#include "media/scratch.hpp"
#include "support/temp_folder.hpp"

namespace sarai::media::scratch_dir_test {
namespace {

namespace fs = std::filesystem;

// TMPDIR as a test wants it; nullptr: not set.
class Tmpdir {
public:
    explicit Tmpdir(const char* value) {
        if (const char* was = std::getenv("TMPDIR")) was_ = was;
        set(value);
    }
    ~Tmpdir() { set(was_ ? was_->c_str() : nullptr); }
    Tmpdir(const Tmpdir&) = delete;
    Tmpdir& operator=(const Tmpdir&) = delete;

private:
    static void set(const char* value) {
        if (value == nullptr)
            ::unsetenv("TMPDIR");
        else
            ::setenv("TMPDIR", value, 1);
    }
    std::optional<std::string> was_;
};

TEST(Scratch, IsMadeAlsoWhereTheFolderAboveWasTidiedAway) {
    const test::TempFolder folder;
    const auto gone = folder.path() / "server";
    const auto scratch = Scratch::create(gone);
    ASSERT_TRUE(scratch) << scratch.error().message;
    EXPECT_EQ(fs::status(gone).permissions(), fs::perms::owner_all);
    EXPECT_FALSE(Scratch::create(folder.path() / "two" / "levels"));
}

TEST(ScratchDir, IsInTmpdirElseInAFolderThatIsNoTmpfs) {
    {
        const Tmpdir none(nullptr);
        EXPECT_EQ(scratch_parent(), "/var/tmp");
    }
    {
        const Tmpdir empty("");
        EXPECT_EQ(scratch_parent(), "/var/tmp");
    }
    const test::TempFolder folder;
    const Tmpdir chosen((folder.path() / "not there yet").c_str());
    const auto made = make_scratch_dir();
    ASSERT_TRUE(made.has_value()) << made.error().message;
    EXPECT_EQ(made->path().parent_path(), folder.path() / "not there yet");
    EXPECT_TRUE(made->path().filename().string().starts_with("sarai-media."));
    EXPECT_EQ(fs::status(made->path()).permissions(), fs::perms::owner_all);
}

TEST(ScratchDir, SaysWhatToSetWhereItCannotBeMade) {
    const test::TempFolder folder;
    std::ofstream(folder.path() / "file") << "x";
    const Tmpdir chosen((folder.path() / "file").c_str());
    const auto made = make_scratch_dir();
    ASSERT_FALSE(made.has_value());
    EXPECT_THAT(made.error().hint, testing::HasSubstr("TMPDIR"));
}

TEST(ScratchDir, TellsRamFromADisk) {
    EXPECT_FALSE(is_in_memory("/proc"));
    if (!fs::is_directory("/dev/shm")) GTEST_SKIP() << "no tmpfs here";
    EXPECT_TRUE(is_in_memory("/dev/shm"));
    EXPECT_TRUE(is_in_memory("/dev/shm/not/there yet"));
}

}  // namespace
}  // namespace sarai::media::scratch_dir_test
