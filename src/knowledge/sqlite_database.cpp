#include "knowledge/sqlite_database.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <utility>

namespace sarai::knowledge {
namespace fs = std::filesystem;

namespace {

constexpr int patience_ms = 30'000;  // for another process that writes: its transactions are documents
constexpr int glance_ms = 20;        // while waiting for it
constexpr int steps = 10'000;        // of a statement, some 0.1 ms, between two looks at whether it is still wanted

// Entry i leads from version i to i + 1 (PRAGMA user_version). What was released stays as it is; new steps are added.
//
// Ids are never used twice (AUTOINCREMENT), so that an index of vectors that knows an id knows its vector. `uid` tells
// collections of two databases apart, in case index files are left from another one. Each collection has a table of
// words of its own, words_ID, so that what is rare in it counts as rare.
constexpr std::array migrations{
    "CREATE TABLE collections (id INTEGER PRIMARY KEY AUTOINCREMENT, uid TEXT NOT NULL DEFAULT "
    "(lower(hex(randomblob(8)))),"
    " name TEXT NOT NULL UNIQUE, model TEXT NOT NULL, dimension INTEGER NOT NULL, generation INTEGER NOT NULL DEFAULT "
    "0);"
    "CREATE TABLE documents (id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL REFERENCES collections "
    "(id),"
    " path TEXT NOT NULL, hash TEXT NOT NULL, format INTEGER NOT NULL, title TEXT NOT NULL, size INTEGER NOT NULL,"
    " added INTEGER NOT NULL, chunks INTEGER NOT NULL, trouble TEXT NOT NULL, UNIQUE (collection, path));"
    "CREATE TABLE chunks (id INTEGER PRIMARY KEY AUTOINCREMENT, collection INTEGER NOT NULL,"
    " document INTEGER NOT NULL REFERENCES documents (id), heading TEXT NOT NULL, begin INTEGER NOT NULL, \"end\" "
    "INTEGER NOT NULL,"
    " first INTEGER NOT NULL, last INTEGER NOT NULL, text TEXT NOT NULL, vector BLOB NOT NULL);"
    "CREATE INDEX chunks_by_collection ON chunks (collection);"
    "CREATE INDEX chunks_by_document ON chunks (document);"};

std::unexpected<Error> newer(const fs::path& file) {
    return fail(Code::unsupported, fmt::format("{} was written by a newer sarai", file.string()));
}

// https://www.sqlite.org/uri.html: what would end a path is escaped.
std::string as_uri(std::string_view path) {
    std::string coded;
    for (const char c : path) {
        if (c == '%' || c == '?' || c == '#')
            coded += fmt::format("%{:02x}", static_cast<unsigned char>(c));
        else
            coded += c;
    }
    return coded;
}

}  // namespace

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::open(const fs::path& file, std::stop_token stop) {
    std::unique_ptr<SqliteDatabase> made(new SqliteDatabase(file, std::move(stop)));
    if (auto done = made->connect(file.string(), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE); !done)
        return std::unexpected(done.error());
    ::chmod(file.c_str(), 0600);  // the folder may have been there before, for all to read
    for (const auto* pragma : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA trusted_schema = OFF",
                               "PRAGMA foreign_keys = ON", "PRAGMA cache_size = -65536"}) {
        if (auto done = made->run(pragma, "open"); !done) return std::unexpected(done.error());
    }
    if (auto done = made->migrate(); !done) return std::unexpected(done.error());
    return made;
}

Result<std::unique_ptr<SqliteDatabase>> SqliteDatabase::look(const fs::path& file, std::stop_token stop) {
    std::error_code failed;
    if (!fs::exists(file, failed)) {
        if (failed) return fail(Code::io, fmt::format("cannot open {}", file.string()), failed);
        return fail(Code::not_found, fmt::format("there is no {}", file.string()));
    }
    std::unique_ptr<SqliteDatabase> made(new SqliteDatabase(file, std::move(stop)));
    // Readers too make a -wal and a -shm file where there are none. Where there are none, nobody has it open, and it
    // can be read as what does not change.
    const bool in_use = fs::exists(file.string() + "-wal", failed);
    const auto name = fmt::format("file:{}{}", as_uri(file.string()), in_use ? "" : "?immutable=1");
    if (auto done = made->connect(name, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI); !done)
        return std::unexpected(done.error());
    const auto version = made->version();
    if (!version) return std::unexpected(version.error());
    if (*version == 0) return fail(Code::not_found, fmt::format("{} is empty", file.string()));
    if (std::cmp_greater(*version, migrations.size())) return newer(file);
    return made;
}

Result<void> SqliteDatabase::connect(const std::string& name, int flags) {
    if (sqlite3_open_v2(name.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr) != SQLITE_OK)
        return failed("open");
    sqlite3_busy_handler(
        handle_,
        [](void* self, int tries) {
            if (static_cast<SqliteDatabase*>(self)->stopped() || tries >= patience_ms / glance_ms) return 0;
            sqlite3_sleep(glance_ms);
            return 1;
        },
        this);
    sqlite3_progress_handler(
        handle_, steps, [](void* self) { return static_cast<SqliteDatabase*>(self)->stopped() ? 1 : 0; }, this);
    // The tables' text is ours alone, the schema's is not: a file from elsewhere must not run functions.
    sqlite3_db_config(handle_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    return {};
}

SqliteDatabase::~SqliteDatabase() {
    for (auto& [sql, statement] : statements_) sqlite3_finalize(statement);
    sqlite3_close(handle_);
}

std::unexpected<Error> SqliteDatabase::failed(std::string_view doing) const {
    const int code = handle_ == nullptr ? SQLITE_NOMEM : sqlite3_extended_errcode(handle_);
    const bool corrupt = code == SQLITE_NOTADB || (code & 0xff) == SQLITE_CORRUPT;
    const bool busy = (code & 0xff) == SQLITE_BUSY;
    const bool given_up = code == SQLITE_INTERRUPT || (busy && stopped());
    return std::unexpected(
        Error{.code = corrupt    ? Code::corrupt_file
                      : given_up ? Code::cancelled
                      : busy     ? Code::busy
                                 : Code::io,
              .message = fmt::format("cannot {} {}: {}", doing, file_.string(),
                                     handle_ == nullptr ? "out of memory" : sqlite3_errmsg(handle_)),
              .hint = corrupt ? "Move it away and add the documents again; they themselves are untouched." : ""});
}

Result<void> SqliteDatabase::run(const std::string& sql, std::string_view doing) {
    if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
    return failed(doing);
}

sqlite3_stmt* SqliteDatabase::prepared(const std::string& sql) {
    auto& statement = statements_[sql];
    if (statement == nullptr)
        sqlite3_prepare_v3(handle_, sql.c_str(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &statement,
                           nullptr);
    return statement;
}

Result<int> SqliteDatabase::version() {
    auto asked = query("PRAGMA user_version");
    if (asked.row()) return static_cast<int>(asked.integer(0));
    return failed("read");
}

Result<void> SqliteDatabase::migrate() {
    const auto before = version();
    if (!before) return std::unexpected(before.error());
    if (std::cmp_equal(*before, migrations.size())) return {};
    if (std::cmp_greater(*before, migrations.size())) return newer(file_);
    // Under the write lock, since another process may be about the same.
    auto transaction = Transaction::begin(*this, true);
    if (!transaction) return std::unexpected(transaction.error());
    const auto locked = version();
    if (!locked) return std::unexpected(locked.error());
    for (auto step = static_cast<std::size_t>(*locked); step < migrations.size(); ++step) {
        if (auto done = run(migrations[step], "set up"); !done) return done;
    }
    if (auto done = run(fmt::format("PRAGMA user_version = {}", migrations.size()), "set up"); !done) return done;
    return transaction->commit();
}

Result<SqliteDatabase::Transaction> SqliteDatabase::Transaction::begin(SqliteDatabase& database, bool write) {
    if (auto done = database.run(write ? "BEGIN IMMEDIATE" : "BEGIN", write ? "write" : "read"); !done)
        return std::unexpected(done.error());
    return Transaction(database);
}

SqliteDatabase::Transaction::~Transaction() {
    if (database_ != nullptr) sqlite3_exec(database_->handle_, "ROLLBACK", nullptr, nullptr, nullptr);
}

Result<void> SqliteDatabase::Transaction::commit() {
    if (auto done = database_->run("COMMIT", "write"); !done) return done;  // undone by the destructor
    database_ = nullptr;
    return {};
}

}  // namespace sarai::knowledge
