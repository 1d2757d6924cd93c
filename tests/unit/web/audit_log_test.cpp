#include "web/audit_log.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "support/temp_folder.hpp"

namespace sarai::web::audit_log_test {
namespace {

class AuditLogTest : public testing::Test {
protected:
    test::TempFolder folder;
    std::filesystem::path path = folder.path() / "audit" / "web.jsonl";

    void add(int from, int to) const {
        auto log = AuditLog::open(path);
        ASSERT_TRUE(log) << describe(log.error());
        for (int i = from; i <= to; ++i) ASSERT_TRUE(log->add({{"event", "search"}, {"query", std::to_string(i)}}));
    }
    [[nodiscard]] std::string text() const {
        std::ostringstream out;
        out << std::ifstream(path).rdbuf();
        return out.str();
    }
    void write(const std::string& bytes) const { std::ofstream(path, std::ios::trunc) << bytes; }
    [[nodiscard]] AuditReport verified() const {
        const auto report = verify_audit_log(path);
        EXPECT_TRUE(report);
        return report.value_or(AuditReport{});
    }
};

TEST_F(AuditLogTest, GoesOnWhereItEnded) {
    add(1, 3);
    add(4, 5);
    const auto report = verified();
    EXPECT_EQ(report.lines, 5);
    EXPECT_EQ(report.broken_at, 0) << report.why;
    struct stat facts{};
    ASSERT_EQ(::stat(path.c_str(), &facts), 0);
    EXPECT_EQ(facts.st_mode & 0777U, 0600U);
}

TEST_F(AuditLogTest, EveryChangeShows) {
    add(1, 5);
    const auto whole = text();
    const auto line = [&](int n) {
        std::size_t at = 0;
        for (int i = 1; i < n; ++i) at = whole.find('\n', at) + 1;
        return std::pair{at, whole.find('\n', at) + 1 - at};
    };
    const auto third = line(3);
    auto changed = whole;
    changed.replace(changed.find("\"query\":\"3\""), 11, "\"query\":\"9\"");
    write(changed);
    EXPECT_EQ(verified().broken_at, 4);
    auto missing = whole;
    missing.erase(third.first, third.second);
    write(missing);
    EXPECT_EQ(verified().broken_at, 3);
    auto twice = whole;
    twice.insert(third.first, whole.substr(third.first, third.second));
    write(twice);
    EXPECT_EQ(verified().broken_at, 4);
    write(whole.substr(0, line(5).first));  // the end alone can go unseen, but for the hash that somebody has kept
    const auto shorter = verified();
    EXPECT_EQ(shorter.broken_at, 0);
    write(whole);
    EXPECT_NE(verified().last, shorter.last);
}

TEST_F(AuditLogTest, ALineThatACrashHasCutOffStaysAndIsShown) {
    add(1, 3);
    write(text().substr(0, text().size() - 10));
    EXPECT_EQ(verified().broken_at, 3);
    add(4, 4);
    const auto report = verified();
    EXPECT_EQ(report.lines, 4);
    EXPECT_EQ(report.broken_at, 3);
}

TEST_F(AuditLogTest, BelongsToOne) {
    const auto first = AuditLog::open(path);
    ASSERT_TRUE(first);
    const auto second = AuditLog::open(path);
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().message.find("another sarai"), std::string::npos) << second.error().message;
}

TEST_F(AuditLogTest, SaysThatItCannotBeWritten) {
    EXPECT_EQ(AuditLog::open("/proc/no/such/place").error().code, Code::io);
    EXPECT_EQ(verify_audit_log(path).error().code, Code::io);
}

TEST_F(AuditLogTest, WritesToNobodysOtherFile) {
    std::filesystem::create_directories(path.parent_path());
    for (const auto* other : {"milk\nbread\n", "{}", "\n", R"({"n":2,"time":)"}) {
        write(other);
        const auto log = AuditLog::open(path);
        ASSERT_FALSE(log) << other;
        EXPECT_EQ(log.error().code, Code::corrupt_file);
        EXPECT_EQ(text(), other);
    }
    for (const auto* torn : {"", R"({"n")", R"({"n":1,"time":"20)"}) {
        write(torn);
        EXPECT_TRUE(AuditLog::open(path)) << torn;
    }
}

TEST_F(AuditLogTest, KnowsWhenItsNameIsAnotherFiles) {
    auto log = AuditLog::open(path);
    ASSERT_TRUE(log && log->is_at(path));
    std::filesystem::rename(path, path.string() + ".1");
    EXPECT_FALSE(log->is_at(path));
    EXPECT_TRUE(log->is_at(path.string() + ".1"));
    write("");
    EXPECT_FALSE(log->is_at(path));
}

}  // namespace
}  // namespace sarai::web::audit_log_test
