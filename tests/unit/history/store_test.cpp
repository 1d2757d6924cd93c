#include "history/store.hpp"

#include <gmock/gmock.h>
#include <spdlog/sinks/ostream_sink.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <sstream>
#include <thread>

#include "folder.hpp"

namespace sarai::history::store_test {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

memory::Observation load_of(std::string key, Bytes peak) {
    return {.key = std::move(key), .load_time = 100ms, .peak = peak, .requests = 1};
}

// All that a caller does with a store; none of it may throw, hang or crash.
void use(Store& store) {
    store.keep_plan("k", "{}");
    (void)store.plan("k");
    store.keep_libraries("p", {"/lib/a"});
    (void)store.libraries("p");
    store.add(load_of("k", MiB(1)));
    (void)store.learned("k");
}

// A connection of somebody else to the same file.
class Other {
public:
    explicit Other(const std::filesystem::path& folder) { sqlite3_open((folder / "history.db").c_str(), &handle_); }
    ~Other() { sqlite3_close(handle_); }
    bool run(const char* sql) { return sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK; }

private:
    sqlite3* handle_ = nullptr;
};

// What is logged while it lives.
class Log {
public:
    Log() : before_(spdlog::default_logger()) {
        spdlog::set_default_logger(
            std::make_shared<spdlog::logger>("test", std::make_shared<spdlog::sinks::ostream_sink_mt>(text_)));
    }
    ~Log() { spdlog::set_default_logger(before_); }
    [[nodiscard]] std::ptrdiff_t lines() const { return std::ranges::count(text_.str(), '\n'); }
    [[nodiscard]] std::string text() const { return text_.str(); }

private:
    std::ostringstream text_;
    std::shared_ptr<spdlog::logger> before_;
};

const char* no_variables(const char* /*name*/) { return nullptr; }

}  // namespace

TEST(HistoryStore, RemembersPlansLibrariesAndLoadsAfterItWasClosed) {
    const Folder folder;
    {
        auto store = Store::open(folder.path());
        store.keep_plan("k", R"({"lines":[]})");
        store.keep_libraries("p", {"/lib/liba.so", "/lib/a folder/libb.so"});
        store.add(load_of("k", MiB(10)));
        EXPECT_FALSE(store.trouble());
    }
    auto store = Store::open(folder.path());
    EXPECT_THAT(store.plan("k"), Optional(std::string(R"({"lines":[]})")));
    EXPECT_THAT(store.libraries("p"), Optional(ElementsAre("/lib/liba.so", "/lib/a folder/libb.so")));
    EXPECT_THAT(store.learned("k"), Optional(memory::with({}, load_of("k", MiB(10)))));
    EXPECT_EQ(store.plan("other"), std::nullopt);
    EXPECT_EQ(store.libraries("other"), std::nullopt);
    EXPECT_EQ(store.learned("other"), std::nullopt);
    EXPECT_FALSE(store.trouble());
}

TEST(HistoryStore, AddsObservationsUp) {
    const Folder folder;
    auto store = Store::open(folder.path());
    store.add(load_of("k", MiB(10)));
    store.add({.key = "k", .peak = MiB(12), .requests = 3, .decode = {.tokens = 50, .seconds = 2}});
    store.add(load_of("k", MiB(11)));
    const auto learned = store.learned("k");
    ASSERT_TRUE(learned);
    EXPECT_EQ(learned->loads, 2);
    EXPECT_EQ(learned->peak, MiB(12));
    EXPECT_EQ(learned->last_peak, MiB(11));
    EXPECT_EQ(learned->requests, 5);
    EXPECT_DOUBLE_EQ(learned->decode.per_second(), 25);
}

TEST(HistoryStore, DropsAnObservationWithoutAKey) {
    const Folder folder;
    auto store = Store::open(folder.path());
    store.add(load_of("", MiB(10)));
    EXPECT_EQ(store.learned(""), std::nullopt);
}

TEST(HistoryStore, KeepsTheNewestPlansOnly) {
    const Folder folder;
    auto store = Store::open(folder.path(), {.max_plans = 3});
    for (const char* key : {"a", "b", "c", "d", "e"}) store.keep_plan(key, key);
    int kept = 0;
    for (const char* key : {"a", "b", "c", "d", "e"}) kept += store.plan(key) ? 1 : 0;
    EXPECT_EQ(kept, 3);
}

TEST(HistoryStore, IsTheUsersAlone) {
    const Folder folder;
    auto store = Store::open(folder.path() / "deep/er");
    struct stat info{};
    ASSERT_EQ(::stat((folder.path() / "deep/er").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0700U);
}

TEST(HistoryStore, WorksWithoutAFileThatIsNoDatabaseAndSaysSoOnce) {
    const Folder folder;
    folder.write("history.db", "this is a letter to my aunt, and it is long enough not to be taken for an empty file");
    const Log log;
    auto store = Store::open(folder.path());
    use(store);
    use(store);
    ASSERT_TRUE(store.trouble());
    EXPECT_THAT(store.trouble()->message, HasSubstr("not a database"));
    EXPECT_THAT(store.trouble()->hint, HasSubstr("Delete it"));
    EXPECT_EQ(log.lines(), 1) << log.text();
    EXPECT_EQ(store.plan("k"), std::nullopt);
}

TEST(HistoryStore, SurvivesEveryKindOfDamageInTheMiddleOfTheFile) {
    const Folder folder;
    {
        auto store = Store::open(folder.path());
        for (int i = 0; i < 200; ++i) store.keep_plan(std::to_string(i), std::string(500, 'x'));
        use(store);
    }
    std::string whole;
    {
        std::ifstream in(folder.path() / "history.db", std::ios::binary);
        whole.assign(std::istreambuf_iterator<char>(in), {});
    }
    ASSERT_GT(whole.size(), 8192U);
    const Log log;
    int noticed = 0;
    for (std::size_t at = 0; at < whole.size(); at += whole.size() / 60) {
        auto damaged = whole;
        std::memset(damaged.data() + at, 0xA5, std::min<std::size_t>(700, damaged.size() - at));
        for (const auto* more : {"history.db-wal", "history.db-shm"}) std::filesystem::remove(folder.path() / more);
        folder.write("history.db", damaged);
        auto store = Store::open(folder.path(), {.patience = 1ms});
        use(store);
        for (int i = 0; i < 200; ++i) (void)store.plan(std::to_string(i));
        noticed += store.trouble() ? 1 : 0;
    }
    EXPECT_GT(noticed, 5);
    EXPECT_EQ(log.lines(), noticed);
}

TEST(HistoryStore, SurvivesAFileThatWasCutOff) {
    const Folder folder;
    {
        auto store = Store::open(folder.path());
        for (int i = 0; i < 200; ++i) store.keep_plan(std::to_string(i), std::string(500, 'x'));
    }
    std::filesystem::resize_file(folder.path() / "history.db", 5000);
    auto store = Store::open(folder.path());
    use(store);
    EXPECT_TRUE(store.trouble());
}

TEST(HistoryStore, WorksWithoutAFolderThatCannotBeMade) {
    const Log log;
    for (const auto* folder : {"/proc/self/sarai", "/dev/null/sarai", ""}) {
        auto store = Store::open(folder);
        use(store);
        EXPECT_TRUE(store.trouble()) << folder;
        EXPECT_EQ(store.plan("k"), std::nullopt);
    }
    EXPECT_EQ(log.lines(), 3) << log.text();
}

TEST(HistoryStore, WorksWithoutAFileThatItMayNotWriteAndLeavesItAsItIs) {
    const Folder folder;
    {
        auto store = Store::open(folder.path());
        store.keep_plan("k", "old");
    }
    ::chmod((folder.path() / "history.db").c_str(), 0444);
    ::chmod(folder.path().c_str(), 0555);
    // Root may write everywhere, so a child gives that up.
    const auto pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        if (::geteuid() == 0 && ::setuid(65534) != 0) ::_exit(2);
        auto store = Store::open(folder.path());
        use(store);
        ::_exit(store.trouble() ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
    ::chmod(folder.path().c_str(), 0700);
    EXPECT_THAT(Store::open(folder.path()).plan("k"), Optional(std::string("old")));
}

TEST(HistoryStore, GoesOnReadingWhenTheDiskIsFull) {
    const Folder folder;
    {
        auto store = Store::open(folder.path());
        store.keep_plan("before", "kept");
        store.add(load_of("before", MiB(3)));
    }
    const Log log;
    auto store = Store::open(folder.path(), {.max_pages = 1});  // no smaller than the file is
    for (int i = 0; i < 50; ++i) store.keep_plan(std::to_string(i), std::string(2000, 'x'));
    for (int i = 0; i < 50; ++i) store.add(load_of("a long key " + std::to_string(i) + std::string(200, 'k'), MiB(1)));
    ASSERT_TRUE(store.trouble());
    EXPECT_THAT(store.trouble()->message, HasSubstr("full"));
    EXPECT_EQ(log.lines(), 1) << log.text();
    EXPECT_THAT(store.plan("before"), Optional(std::string("kept")));
    EXPECT_EQ(store.learned("before")->peak, MiB(3));
}

TEST(HistoryStore, DoesNotWaitLongForAnotherProcessThatWrites) {
    const Folder folder;
    auto store = Store::open(folder.path(), {.patience = 20ms});
    store.keep_plan("k", "old");
    Other other(folder.path());
    ASSERT_TRUE(other.run("BEGIN EXCLUSIVE"));
    store.keep_plan("k", "new");
    store.add(load_of("k", MiB(1)));
    EXPECT_TRUE(store.trouble());
    EXPECT_THAT(store.plan("k"), Optional(std::string("old"))) << "a writer holds up no reader";
    ASSERT_TRUE(other.run("COMMIT"));
    store.keep_plan("k", "new");
    EXPECT_THAT(store.plan("k"), Optional(std::string("new"))) << "and it writes again once the other has gone";
}

TEST(HistoryStore, WorksWithoutAFileThatIsLockedWhileItOpens) {
    const Folder folder;
    Other other(folder.path());
    ASSERT_TRUE(other.run("BEGIN EXCLUSIVE"));
    auto store = Store::open(folder.path(), {.patience = 20ms});
    use(store);
    EXPECT_TRUE(store.trouble());
}

TEST(HistoryStore, LeavesAFileOfANewerSaraiAlone) {
    const Folder folder;
    { auto store = Store::open(folder.path()); }
    Other other(folder.path());
    ASSERT_TRUE(other.run("PRAGMA user_version = 99"));
    auto store = Store::open(folder.path());
    use(store);
    ASSERT_TRUE(store.trouble());
    EXPECT_THAT(store.trouble()->message, HasSubstr("newer"));
    EXPECT_EQ(store.plan("k"), std::nullopt);
}

TEST(HistoryStore, LosesNothingWhenThreadsWithStoresOfTheirOwnWriteAtOnce) {
    const Folder folder;
    constexpr int each = 60;
    const auto write = [&](const char* own) {
        auto store = Store::open(folder.path(), {.patience = 20s});
        for (int i = 0; i < each; ++i) {
            store.add(load_of("shared", MiB(i)));
            store.keep_plan(std::string(own) + std::to_string(i), "p");
        }
        EXPECT_FALSE(store.trouble()) << describe(*store.trouble());
    };
    {
        const std::jthread one(write, "one");
        const std::jthread two(write, "two");
    }
    auto store = Store::open(folder.path());
    EXPECT_EQ(store.learned("shared")->loads, 2 * each);
    EXPECT_EQ(store.learned("shared")->peak, MiB(each - 1));
    EXPECT_TRUE(store.plan("one59") && store.plan("two59"));
}

TEST(HistoryStore, LosesNothingWhenProcessesOpenItTogetherAndWriteAtOnce) {
    const Folder folder;
    constexpr int each = 40;
    std::vector<pid_t> children;
    for (int child = 0; child < 3; ++child) {
        const auto pid = ::fork();
        ASSERT_GE(pid, 0);
        if (pid == 0) {
            auto store = Store::open(folder.path(), {.patience = 20s});
            for (int i = 0; i < each; ++i) store.add(load_of("shared", MiB(i)));
            ::_exit(store.trouble() ? 1 : 0);
        }
        children.push_back(pid);
    }
    for (const auto pid : children) {
        int status = -1;
        ASSERT_EQ(::waitpid(pid, &status, 0), pid);
        EXPECT_EQ(status, 0);
    }
    EXPECT_EQ(Store::open(folder.path()).learned("shared")->loads, 3 * each);
}

TEST(HistoryStore, KeepsWhatWasWrittenByAProcessThatWasKilled) {
    const Folder folder;
    const auto pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) {
        auto store = Store::open(folder.path());
        store.add(load_of("k", MiB(5)));
        ::raise(SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    ASSERT_TRUE(WIFSIGNALED(status));
    auto store = Store::open(folder.path());
    EXPECT_EQ(store.learned("k")->loads, 1);
    EXPECT_FALSE(store.trouble());
}

TEST(StateFolder, IsTheChosenOneOrFollowsTheEnvironment) {
    const auto all = [](const char* name) -> const char* {
        if (std::strcmp(name, "SARAI_STATE_DIR") == 0) return "/s";
        if (std::strcmp(name, "XDG_STATE_HOME") == 0) return "/x";
        return "/home/me";
    };
    const auto without_sarai = [](const char* name) -> const char* {
        if (std::strcmp(name, "SARAI_STATE_DIR") == 0) return "";
        return std::strcmp(name, "XDG_STATE_HOME") == 0 ? "/x" : "/home/me";
    };
    const auto relative_xdg = [](const char* name) -> const char* {
        if (std::strcmp(name, "SARAI_STATE_DIR") == 0) return nullptr;
        return std::strcmp(name, "XDG_STATE_HOME") == 0 ? "x" : "/home/me";
    };
    EXPECT_EQ(state_folder("/chosen", all), "/chosen");
    EXPECT_EQ(state_folder({}, all), "/s");
    EXPECT_EQ(state_folder({}, without_sarai), "/x/sarai");
    EXPECT_EQ(state_folder({}, relative_xdg), "/home/me/.local/state/sarai");
    EXPECT_EQ(state_folder({}, no_variables), "");
}

}  // namespace sarai::history::store_test
