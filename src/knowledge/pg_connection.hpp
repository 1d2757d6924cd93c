// One connection to a PostgreSQL server: statements with parameters, rows, transactions. Used by one thread at a time.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace sarai::knowledge {

class PgRows {
public:
    explicit PgRows(PGresult* result) : result_(result) {}
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
    // Errors: unavailable, which names the server but not the password. `greeting` is run on every new connection.
    [[nodiscard]] static Result<PgConnection> open(const std::string& address, std::string greeting);

    // A parameter's bytes end at its first zero, which PostgreSQL's texts cannot hold. Errors: unavailable (the
    // connection broke; the next statement outside a transaction makes it again), unsupported (the server lacks an
    // extension or a right), io.
    [[nodiscard]] Result<PgRows> query(const std::string& sql, const std::vector<std::string>& parameters = {});

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
    PgConnection(PGconn* connection, std::string greeting) : connection_(connection), greeting_(std::move(greeting)) {}
    [[nodiscard]] Result<void> greet();
    [[nodiscard]] std::unexpected<Error> failed(const PGresult* result) const;

    std::unique_ptr<PGconn, Finish> connection_;
    std::string greeting_;
};

}  // namespace sarai::knowledge
