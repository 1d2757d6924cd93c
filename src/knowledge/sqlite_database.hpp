// One connection to `knowledge.db`: its tables, its prepared statements, its transactions.
//
// Every commit is on disk when it returns (synchronous = FULL): what is acknowledged outlives a power cut as well. Used
// by one thread at a time.
#pragma once

#include <sqlite3.h>

#include <filesystem>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "base/error.hpp"
#include "history/query.hpp"

namespace sarai::knowledge {

class SqliteDatabase {
public:
    // Errors: io, corrupt_file, unsupported (of a newer sarai), cancelled.
    [[nodiscard]] static Result<std::unique_ptr<SqliteDatabase>> open(const std::filesystem::path& file,
                                                                      std::stop_token stop = {});
    // One that is there, to be read only: neither it nor its folder changes. Errors: not_found (there is none, or
    // nothing was ever kept in it), those above.
    [[nodiscard]] static Result<std::unique_ptr<SqliteDatabase>> look(const std::filesystem::path& file,
                                                                      std::stop_token stop = {});
    ~SqliteDatabase();
    SqliteDatabase(const SqliteDatabase&) = delete;
    SqliteDatabase& operator=(const SqliteDatabase&) = delete;

    // Once it is asked to stop, statements end, with cancelled, and so does waiting for another process that writes.
    void heed(std::stop_token stop) { stop_ = std::move(stop); }
    [[nodiscard]] bool stopped() const { return stop_.stop_requested(); }

    // Prepared once for each text. One execution of a statement at a time.
    [[nodiscard]] history::Query query(const std::string& sql) { return history::Query(prepared(sql)); }
    [[nodiscard]] Result<void> run(const std::string& sql, std::string_view doing);
    // The error of what was done last: "cannot `doing` FILE: …".
    [[nodiscard]] std::unexpected<Error> failed(std::string_view doing) const;

    // Undone at its end unless it was committed.
    class Transaction {
    public:
        // `write`: takes the write lock at once, waiting for another process that has it.
        [[nodiscard]] static Result<Transaction> begin(SqliteDatabase& database, bool write);
        ~Transaction();
        Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
        Transaction& operator=(Transaction&&) = delete;
        [[nodiscard]] Result<void> commit();

    private:
        explicit Transaction(SqliteDatabase& database) : database_(&database) {}
        SqliteDatabase* database_;
    };

private:
    SqliteDatabase(std::filesystem::path file, std::stop_token stop) : file_(std::move(file)), stop_(std::move(stop)) {}
    [[nodiscard]] Result<void> connect(const std::string& name, int flags);
    sqlite3_stmt* prepared(const std::string& sql);
    [[nodiscard]] Result<int> version();
    [[nodiscard]] Result<void> migrate();

    std::filesystem::path file_;
    std::stop_token stop_;
    sqlite3* handle_ = nullptr;
    std::map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace sarai::knowledge
