#include "history/feedback.hpp"

#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include "history/folder.hpp"
#include "history/query.hpp"

namespace sarai::history {
namespace {

constexpr int version = 1;
constexpr auto tables =
    "CREATE TABLE IF NOT EXISTS feedback (id INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, key TEXT NOT NULL,"
    " request TEXT NOT NULL, route TEXT NOT NULL, model TEXT NOT NULL, label TEXT NOT NULL, right INTEGER NOT NULL,"
    " said TEXT NOT NULL, language TEXT NOT NULL, hard REAL NOT NULL, soft REAL NOT NULL, web_query REAL NOT NULL,"
    " familiar REAL NOT NULL, text TEXT NOT NULL, UNIQUE (key, request));"
    "PRAGMA user_version = 1";

}  // namespace

struct FeedbackStore::Database {
    ~Database() { sqlite3_close(handle); }

    [[nodiscard]] std::unexpected<Error> failed(std::string_view doing) const {
        return fail(Code::io, fmt::format("cannot {} {}: {}", doing, file.string(), sqlite3_errmsg(handle)));
    }

    std::filesystem::path file;
    sqlite3* handle = nullptr;
    int most = 0;
};

namespace {

// Ended with its scope.
class Statement {
public:
    Statement(sqlite3* database, const char* sql) { sqlite3_prepare_v2(database, sql, -1, &handle_, nullptr); }
    ~Statement() { sqlite3_finalize(handle_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    [[nodiscard]] sqlite3_stmt* get() const { return handle_; }

private:
    sqlite3_stmt* handle_ = nullptr;
};

}  // namespace

FeedbackStore::FeedbackStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}
FeedbackStore::FeedbackStore(FeedbackStore&&) noexcept = default;
FeedbackStore::~FeedbackStore() = default;

Result<FeedbackStore> FeedbackStore::open(const std::filesystem::path& folder, const Options& options) {
    if (folder.empty())
        return fail(Code::io, "there is no folder for feedback: neither HOME nor SARAI_STATE_DIR is set");
    if (const auto failed = make_folder(folder))
        return fail(Code::io, fmt::format("cannot make the folder {}", folder.string()), failed);
    auto made = std::make_unique<Database>();
    auto& database = *made;
    database.file = folder / "feedback.db";
    database.most = options.most;
    if (sqlite3_open_v2(database.file.c_str(), &database.handle,
                        SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
        return database.failed("open");
    ::chmod(database.file.c_str(), 0600);  // prompts are nobody else's business
    sqlite3_busy_timeout(database.handle, static_cast<int>(options.patience.count()));
    int found = 0;
    {
        const Statement asked(database.handle, "PRAGMA user_version");
        Query query(asked.get());
        if (!query.row()) return database.failed("read");
        found = static_cast<int>(query.integer(0));
    }
    if (found > version)
        return fail(Code::unsupported, fmt::format("{} was written by a newer sarai", database.file.string()));
    if (found < version && sqlite3_exec(database.handle, tables, nullptr, nullptr, nullptr) != SQLITE_OK)
        return database.failed("set up");
    return FeedbackStore(std::move(made));
}

Result<void> FeedbackStore::keep(const Feedback& f) {
    const Statement insert(database_->handle,
                           "INSERT OR REPLACE INTO feedback (at, key, request, route, model, label, right, said,"
                           " language, hard, soft, web_query, familiar, text)"
                           " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    Query written(insert.get());
    written.bind(f.at).bind(f.key).bind(f.request_id).bind(f.route).bind(f.model).bind(f.label);
    written.bind(std::int64_t{f.right}).bind(f.said).bind(f.language);
    written.bind(f.hard).bind(f.soft).bind(f.web_query).bind(f.familiar).bind(f.text).row();
    if (!written.ok()) return database_->failed("write");
    const Statement prune(
        database_->handle,
        "DELETE FROM feedback WHERE id IN (SELECT id FROM feedback ORDER BY id DESC LIMIT -1 OFFSET ?)");
    Query pruned(prune.get());
    pruned.bind(std::int64_t{database_->most}).row();
    if (!pruned.ok()) return database_->failed("write");
    return {};
}

Result<std::vector<Feedback>> FeedbackStore::page(std::int64_t after, int most) {
    const Statement select(database_->handle,
                           "SELECT at, key, request, route, model, label, right, said, language, hard, soft, web_query,"
                           " familiar, text, id FROM feedback WHERE id > ? ORDER BY id LIMIT ?");
    Query query(select.get());
    query.bind(after).bind(std::int64_t{most});
    std::vector<Feedback> all;
    while (query.row())
        all.push_back({.id = query.integer(14),
                       .at = query.integer(0),
                       .key = query.text(1),
                       .request_id = query.text(2),
                       .route = query.text(3),
                       .model = query.text(4),
                       .label = query.text(5),
                       .right = query.integer(6) != 0,
                       .said = query.text(7),
                       .language = query.text(8),
                       .hard = query.real(9),
                       .soft = query.real(10),
                       .web_query = query.real(11),
                       .familiar = query.real(12),
                       .text = query.text(13)});
    if (!query.ok()) return database_->failed("read");
    return all;
}

}  // namespace sarai::history
