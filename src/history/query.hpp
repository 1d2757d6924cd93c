// One execution of a prepared SQLite statement, for what keeps things in a database.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace sarai::history {

// `ok()` is false from the first thing that went wrong.
class Query {
public:
    explicit Query(sqlite3_stmt* statement) : statement_(statement), ok_(statement != nullptr) {}
    ~Query() {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    // The text must outlive the query.
    Query& bind(std::string_view text) {
        return check(sqlite3_bind_text(statement_, ++bound_, text.data(), static_cast<int>(text.size()), nullptr));
    }
    Query& bind_blob(std::string_view bytes) {
        return check(sqlite3_bind_blob(statement_, ++bound_, bytes.data(), static_cast<int>(bytes.size()), nullptr));
    }
    Query& bind(std::int64_t number) { return check(sqlite3_bind_int64(statement_, ++bound_, number)); }
    Query& bind(double number) { return check(sqlite3_bind_double(statement_, ++bound_, number)); }

    bool row() {
        if (!ok_) return false;
        const int code = sqlite3_step(statement_);
        ok_ = code == SQLITE_ROW || code == SQLITE_DONE;
        return code == SQLITE_ROW;
    }
    [[nodiscard]] bool ok() const { return ok_; }

    [[nodiscard]] std::string text(int column) const {
        const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_, column));
        return {bytes == nullptr ? "" : bytes, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
    }
    [[nodiscard]] std::int64_t integer(int column) const { return sqlite3_column_int64(statement_, column); }
    [[nodiscard]] double real(int column) const { return sqlite3_column_double(statement_, column); }

private:
    Query& check(int code) {
        ok_ = ok_ && code == SQLITE_OK;
        return *this;
    }
    sqlite3_stmt* statement_;
    int bound_ = 0;
    bool ok_;
};

}  // namespace sarai::history
