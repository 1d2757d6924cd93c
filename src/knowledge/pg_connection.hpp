// One connection to a PostgreSQL server: statements with parameters, rows, transactions, none of them waited for
// without end. Used by one thread at a time.
#pragma once

#include <libpq-fe.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace sarai::knowledge {

class PgRows {
public:
    explicit PgRows(PGresult* result) : result_(result) {}
    [[nodiscard]] const PGresult* get() const { return result_.get(); }
    [[nodiscard]] int count() const { return PQntuples(result_.get()); }
    [[nodiscard]] std::string text(int row, int column) const {
        return {PQgetvalue(result_.get(), row, column),
                static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
    }
    [[nodiscard]] std::int64_t integer(int row, int column) const {
        return std::strtoll(PQgetvalue(result_.get(), row, column), nullptr, 10);
    }
    [[nodiscard]] double real(int row, int column) const {
        return std::strtod(PQgetvalue(result_.get(), row, column), nullptr);
    }

private:
    struct Clear {
        void operator()(PGresult* result) const { PQclear(result); }
    };
    std::unique_ptr<PGresult, Clear> result_;
};

class PgConnection {
public:
    using Clock = std::chrono::steady_clock;
    // As long as SQLite waits for another process. A search takes well under a second; an index is made with its table,
    // which is empty.
    static constexpr std::chrono::milliseconds statement_patience{30'000};
    // For a lock that another writer has as long as its document is under way: of 16 MiB of text that is 14,000 chunks,
    // at up to 10 ms each.
    static constexpr std::chrono::milliseconds lock_patience{180'000};
    // What a server has to have.
    static constexpr const char* needs =
        "sarai needs the extensions vector (pgvector) and unaccent, and a schema sarai_knowledge of its own.";

    // Errors: unavailable, which names the server but not the password; cancelled. `greeting` is run on every new
    // connection.
    [[nodiscard]] static Result<PgConnection> open(const std::string& address, std::string greeting,
                                                   std::stop_token stop = {});
    // Once it is asked to stop, what waits for the server ends within a tenth of a second, and so does what follows.
    void heed(std::stop_token stop) { stop_ = std::move(stop); }

    // A parameter's bytes end at its first zero, which PostgreSQL's texts cannot hold. Errors: unavailable (the
    // connection broke, or there was no answer for `patience`; the next statement outside a transaction makes it
    // again), cancelled (likewise), unsupported (the server lacks an extension or a right), io.
    [[nodiscard]] Result<PgRows> query(const std::string& sql, const std::vector<std::string>& parameters = {},
                                       std::chrono::milliseconds patience = statement_patience);

    class Transaction {
    public:
        [[nodiscard]] static Result<Transaction> begin(PgConnection& connection);
        ~Transaction();
        Transaction(Transaction&& other) noexcept : connection_(std::exchange(other.connection_, nullptr)) {}
        Transaction& operator=(Transaction&&) = delete;
        [[nodiscard]] Result<void> commit();

    private:
        explicit Transaction(PgConnection& connection) : connection_(&connection) {}
        PgConnection* connection_;
    };

private:
    struct Finish {
        void operator()(PGconn* connection) const { PQfinish(connection); }
    };
    struct Wait {
        Clock::time_point begun, deadline;
        std::string_view what;  // does not answer
    };
    PgConnection(std::string address, std::string greeting, std::stop_token stop)
        : address_(std::move(address)), greeting_(std::move(greeting)), stop_(std::move(stop)) {}
    [[nodiscard]] Result<void> connect();
    [[nodiscard]] Result<PgRows> outcome(std::string_view what, std::chrono::milliseconds patience);
    [[nodiscard]] Result<void> wait_for(short events, const Wait& wait);
    [[nodiscard]] std::unexpected<Error> failed(const PGresult* result) const;

    std::unique_ptr<PGconn, Finish> connection_;  // null: broken
    std::string address_;
    std::string greeting_;
    std::stop_token stop_;
};

}  // namespace sarai::knowledge
