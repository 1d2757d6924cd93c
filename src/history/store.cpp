#include "history/store.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sqlite3.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <map>
#include <utility>
#include <variant>

#include "history/folder.hpp"
#include "history/query.hpp"

namespace sarai::history {
namespace fs = std::filesystem;

namespace {

// Entry i leads from version i to i + 1 (PRAGMA user_version). What was released stays as it is; new steps are added.
constexpr std::array migrations{
    "CREATE TABLE plans (key TEXT PRIMARY KEY, printed TEXT NOT NULL, kept INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE INDEX plans_by_age ON plans (kept);"
    "CREATE TABLE libraries (programs TEXT PRIMARY KEY, paths TEXT NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE learned (key TEXT PRIMARY KEY, loads INTEGER NOT NULL, peak INTEGER NOT NULL,"
    " last_peak INTEGER NOT NULL, load_ms INTEGER NOT NULL, requests INTEGER NOT NULL,"
    " prompt_tokens REAL NOT NULL, prompt_seconds REAL NOT NULL,"
    " decode_tokens REAL NOT NULL, decode_seconds REAL NOT NULL, seen INTEGER NOT NULL) WITHOUT ROWID;"};

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

fs::path state_folder(const fs::path& chosen, const char* (*variable)(const char*)) {
    const auto filled = [&](const char* name) {
        const char* value = variable(name);
        return value == nullptr ? fs::path() : fs::path(value);
    };
    if (!chosen.empty()) return chosen;
    if (auto named = filled("SARAI_STATE_DIR"); !named.empty()) return named;
    // The XDG base directory specification: a relative path there is to be ignored.
    if (const auto state = filled("XDG_STATE_HOME"); state.is_absolute()) return state / "sarai";
    if (const auto home = filled("HOME"); home.is_absolute()) return home / ".local/state/sarai";
    return {};
}

fs::path state_folder(const fs::path& chosen) {
    return state_folder(chosen, [](const char* name) -> const char* { return std::getenv(name); });
}

// Thrown by nobody: every call says whether it went well, and notes the first that did not.
struct Store::Database {
    ~Database() {
        for (auto& [sql, statement] : statements) sqlite3_finalize(statement);
        sqlite3_close(handle);
    }

    void note(std::string_view doing) {
        const int code = sqlite3_extended_errcode(handle);
        // "disk I/O error" is also what it says of a full disk.
        const int system = sqlite3_system_errno(handle);
        const bool is_full = (code & 0xff) == SQLITE_FULL || system == ENOSPC || system == EDQUOT;
        note(Error{.code = Code::io,
                   .message = fmt::format("cannot {} {}: {}{}", doing, file.string(), sqlite3_errmsg(handle),
                                          is_full && (code & 0xff) != SQLITE_FULL ? " (no space left on device)" : ""),
                   .hint = is_full ? "Make room there, or set engine.state_dir (SARAI_STATE_DIR) to another folder."
                           : code == SQLITE_NOTADB || (code & 0xff) == SQLITE_CORRUPT
                               ? "Delete it, and it is made anew; only what was learned is lost."
                               : ""});
    }
    void note(Error error) {
        if (trouble) return;
        spdlog::warn("plans and observations are not all remembered: {}", describe(error));
        trouble = std::move(error);
    }

    bool run(const char* sql, std::string_view doing) {
        if (sqlite3_exec(handle, sql, nullptr, nullptr, nullptr) == SQLITE_OK) return true;
        note(doing);
        return false;
    }

    // Prepared once; they are few.
    sqlite3_stmt* prepared(const char* sql) {
        auto& statement = statements[sql];
        if (statement == nullptr) sqlite3_prepare_v3(handle, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
        return statement;
    }

    std::optional<int> version() {
        sqlite3_stmt* const statement = prepared("PRAGMA user_version");
        if (statement == nullptr) return std::nullopt;
        std::optional<int> found;
        if (sqlite3_step(statement) == SQLITE_ROW) found = sqlite3_column_int(statement, 0);
        sqlite3_reset(statement);
        return found;
    }

    // Under the write lock, since another process may be about the same.
    bool migrate() {
        const auto before = version();
        if (!before) return note("read"), false;
        if (std::cmp_equal(*before, migrations.size())) return true;
        if (std::cmp_greater(*before, migrations.size())) {
            note(Error{.code = Code::unsupported,
                       .message = fmt::format("{} was written by a newer sarai", file.string())});
            return false;
        }
        if (!run("BEGIN IMMEDIATE", "write")) return false;
        const auto locked = version();
        bool done = locked.has_value();
        for (auto step = static_cast<std::size_t>(locked.value_or(0)); done && step < migrations.size(); ++step)
            done = run(migrations[step], "set up");
        done = done && run(fmt::format("PRAGMA user_version = {}", migrations.size()).c_str(), "set up") &&
               run("COMMIT", "write");
        if (!done) sqlite3_exec(handle, "ROLLBACK", nullptr, nullptr, nullptr);
        return done;
    }

    // Error: could not be read, noted. No value: nothing is known.
    std::expected<std::optional<memory::Learned>, std::monostate> read_learned(std::string_view key) {
        Query query(
            prepared("SELECT loads, peak, last_peak, load_ms, requests, prompt_tokens, prompt_seconds, decode_tokens,"
                     " decode_seconds FROM learned WHERE key = ?"));
        if (query.bind(key).row())
            return memory::Learned{.loads = query.integer(0),
                                   .peak = Bytes{query.integer(1)},
                                   .last_peak = Bytes{query.integer(2)},
                                   .load_time = std::chrono::milliseconds(query.integer(3)),
                                   .requests = query.integer(4),
                                   .prompt = {.tokens = query.real(5), .seconds = query.real(6)},
                                   .decode = {.tokens = query.real(7), .seconds = query.real(8)}};
        if (query.ok()) return std::nullopt;
        note("read");
        return std::unexpected(std::monostate{});
    }

    fs::path file;
    sqlite3* handle = nullptr;  // null: remembers nothing
    std::map<const char*, sqlite3_stmt*> statements;
    std::optional<Error> trouble;
    Options options;
};

Store Store::open(const fs::path& folder, const Options& options) {
    auto made = std::make_unique<Database>();
    auto& database = *made;
    database.options = options;
    database.file = folder / "history.db";
    const auto give_up = [&] {
        for (auto& [sql, statement] : database.statements) sqlite3_finalize(statement);
        database.statements.clear();
        sqlite3_close(database.handle);
        database.handle = nullptr;
        return Store(std::move(made));
    };
    if (folder.empty()) {
        database.note(
            Error{.code = Code::io, .message = "there is no folder for them: neither HOME nor SARAI_STATE_DIR is set"});
        return give_up();
    }
    if (const auto failed = make_folder(folder)) {
        database.note(Error{
            .code = Code::io, .message = fmt::format("cannot make the folder {}", folder.string()), .cause = failed});
        return give_up();
    }
    const int opened = sqlite3_open_v2(database.file.c_str(), &database.handle,
                                       SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, nullptr);
    if (opened != SQLITE_OK) return database.note("open"), give_up();
    sqlite3_busy_timeout(database.handle, static_cast<int>(options.patience.count()));
    // Readers and a writer do not wait for each other. Only a wish: switching needs the file alone for a moment, and
    // whoever opens it next can have that.
    sqlite3_exec(database.handle, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
    // With the log a commit needs no fsync to be consistent; a power cut may cost the last ones.
    sqlite3_exec(database.handle, "PRAGMA synchronous = NORMAL", nullptr, nullptr, nullptr);
    if (!database.migrate()) return give_up();
    if (options.max_pages) database.run(fmt::format("PRAGMA max_page_count = {}", *options.max_pages).c_str(), "limit");
    return Store(std::move(made));
}

Store::Store(std::unique_ptr<Database> database) : database_(std::move(database)) {}
Store::Store(Store&&) noexcept = default;
Store::~Store() = default;

const std::optional<Error>& Store::trouble() const { return database_->trouble; }

std::optional<std::string> Store::plan(std::string_view key) {
    if (database_->handle == nullptr) return std::nullopt;
    Query query(database_->prepared("SELECT printed FROM plans WHERE key = ?"));
    if (query.bind(key).row()) return query.text(0);
    if (!query.ok()) database_->note("read");
    return std::nullopt;
}

void Store::keep_plan(std::string_view key, std::string_view printed) {
    if (database_->handle == nullptr) return;
    Query insert(database_->prepared("INSERT OR REPLACE INTO plans (key, printed, kept) VALUES (?, ?, ?)"));
    insert.bind(key).bind(printed).bind(now()).row();
    if (!insert.ok()) return database_->note("write");
    Query prune(database_->prepared(
        "DELETE FROM plans WHERE key IN (SELECT key FROM plans ORDER BY kept DESC LIMIT -1 OFFSET ?)"));
    prune.bind(std::int64_t{database_->options.max_plans}).row();
    if (!prune.ok()) database_->note("write");
}

std::optional<std::vector<fs::path>> Store::libraries(std::string_view programs_key) {
    if (database_->handle == nullptr) return std::nullopt;
    Query query(database_->prepared("SELECT paths FROM libraries WHERE programs = ?"));
    if (!query.bind(programs_key).row()) {
        if (!query.ok()) database_->note("read");
        return std::nullopt;
    }
    std::vector<fs::path> paths;
    const auto text = query.text(0);
    for (std::size_t at = 0; at < text.size();) {
        const auto end = std::min(text.find('\n', at), text.size());
        paths.emplace_back(text.substr(at, end - at));
        at = end + 1;
    }
    return paths;
}

void Store::keep_libraries(std::string_view programs_key, const std::vector<fs::path>& libraries) {
    if (database_->handle == nullptr) return;
    std::string lines;
    for (const auto& path : libraries) lines += path.string() + '\n';
    Query insert(database_->prepared("INSERT OR REPLACE INTO libraries (programs, paths) VALUES (?, ?)"));
    insert.bind(programs_key).bind(lines).row();
    if (!insert.ok()) database_->note("write");
}

std::optional<memory::Learned> Store::learned(std::string_view key) {
    if (database_->handle == nullptr) return std::nullopt;
    return database_->read_learned(key).value_or(std::nullopt);
}

void Store::add(const memory::Observation& observation) {
    if (database_->handle == nullptr || observation.key.empty()) return;
    // Another process may add to the same key between our reading and writing.
    if (!database_->run("BEGIN IMMEDIATE", "write")) return;
    const auto before = database_->read_learned(observation.key);
    bool written = false;
    if (before) {
        const auto sum = memory::with(before->value_or(memory::Learned{}), observation);
        Query insert(database_->prepared(
            "INSERT OR REPLACE INTO learned (key, loads, peak, last_peak, load_ms, requests, prompt_tokens,"
            " prompt_seconds, decode_tokens, decode_seconds, seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"));
        insert.bind(observation.key).bind(sum.loads).bind(sum.peak.count).bind(sum.last_peak.count);
        insert.bind(std::int64_t{sum.load_time.count()}).bind(sum.requests);
        insert.bind(sum.prompt.tokens).bind(sum.prompt.seconds).bind(sum.decode.tokens).bind(sum.decode.seconds);
        insert.bind(now()).row();
        written = insert.ok();
        if (!written) database_->note("write");
    }
    if (!written || !database_->run("COMMIT", "write"))
        sqlite3_exec(database_->handle, "ROLLBACK", nullptr, nullptr, nullptr);
}

}  // namespace sarai::history
