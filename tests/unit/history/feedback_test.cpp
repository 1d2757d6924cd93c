#include "history/feedback.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <fstream>

#include "folder.hpp"

namespace sarai::history::feedback_test {
namespace {

Feedback about(std::string id, std::string key = "") {
    return {.at = 1'700'000'000,
            .key = std::move(key),
            .request_id = std::move(id),
            .route = "hard",
            .model = "solar",
            .label = "hard",
            .right = true,
            .said = {},
            .language = "es",
            .hard = 0.875,
            .soft = 0.125,
            .web_query = 0,
            .familiar = 1,
            .text = "¿qué es una mónada?\n\"x\""};
}

}  // namespace

// All of it, in pages of two, without what the store gave them.
Result<std::vector<Feedback>> kept(FeedbackStore& store) {
    std::vector<Feedback> all;
    for (std::int64_t after = 0;;) {
        auto page = store.page(after, 2);
        if (!page || page->empty()) return all;
        for (auto& one : *page) {
            EXPECT_GT(one.id, after);
            after = std::exchange(one.id, 0);
            all.push_back(std::move(one));
        }
    }
}

TEST(Feedback, IsThereAgainAfterARestart) {
    const Folder folder;
    {
        auto store = FeedbackStore::open(folder.path() / "state", {});
        ASSERT_TRUE(store);
        ASSERT_TRUE(store->keep(about("a")));
        ASSERT_TRUE(store->keep(about("b", "ann")));
    }
    auto store = FeedbackStore::open(folder.path() / "state", {});
    ASSERT_TRUE(store);
    EXPECT_EQ(kept(*store), (std::vector{about("a"), about("b", "ann")}));
    EXPECT_EQ(std::filesystem::status(folder.path() / "state/feedback.db").permissions(),
              std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

TEST(Feedback, TheLastWordOfAKeyOnARequestCounts) {
    const Folder folder;
    auto store = FeedbackStore::open(folder.path(), {});
    ASSERT_TRUE(store);
    auto wrong = about("a", "ann");
    wrong.right = false;
    wrong.said = "soft";
    for (const auto& one : {about("a", "ann"), about("a", "ben"), wrong}) ASSERT_TRUE(store->keep(one));
    EXPECT_EQ(kept(*store), (std::vector{about("a", "ben"), wrong}));
}

TEST(Feedback, TheOldestGoesFirst) {
    const Folder folder;
    auto store = FeedbackStore::open(folder.path(), {.most = 2});
    ASSERT_TRUE(store);
    for (const auto* id : {"a", "b", "c"}) ASSERT_TRUE(store->keep(about(id)));
    EXPECT_EQ(kept(*store), (std::vector{about("b"), about("c")}));
}

TEST(Feedback, SaysWhatIsWrongWithItsFile) {
    const Folder folder;
    std::ofstream(folder.path() / "feedback.db") << std::string(5000, 'x');
    const auto store = FeedbackStore::open(folder.path(), {});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::io);
    EXPECT_TRUE(store.error().message.contains("feedback.db")) << store.error().message;
}

TEST(Feedback, ANewerFileIsLeftAlone) {
    const Folder folder;
    { ASSERT_TRUE(FeedbackStore::open(folder.path(), {})); }
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open((folder.path() / "feedback.db").c_str(), &handle), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(handle, "PRAGMA user_version = 9", nullptr, nullptr, nullptr), SQLITE_OK);
    sqlite3_close(handle);
    const auto store = FeedbackStore::open(folder.path(), {});
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::unsupported);
}

}  // namespace sarai::history::feedback_test
