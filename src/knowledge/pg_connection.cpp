#include "knowledge/pg_connection.hpp"

#include <fmt/format.h>

namespace sarai::knowledge {

namespace {

// libpq's messages end with a line end, and may have several lines.
std::string one_line(std::string_view message) {
    std::string line;
    for (const char c : message) line += c == '\n' || c == '\t' ? ' ' : c;
    line.resize(line.find_last_not_of(' ') + 1);
    return line;
}

}  // namespace

Result<PgConnection> PgConnection::open(const std::string& address, std::string greeting) {
    // Where the address says nothing of it: a server that does not answer must not hold us up for minutes.
    const char* const names[] = {"connect_timeout", "application_name", "dbname", nullptr};
    const char* const values[] = {"10", "sarai", address.c_str(), nullptr};
    PgConnection made(PQconnectdbParams(names, values, 1), std::move(greeting));
    if (made.connection_ == nullptr) return fail(Code::no_memory, "cannot connect to PostgreSQL: out of memory");
    if (PQstatus(made.connection_.get()) != CONNECTION_OK) return made.failed(nullptr);
    if (auto greeted = made.greet(); !greeted) return std::unexpected(greeted.error());
    return made;
}

Result<void> PgConnection::greet() {
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);  // "already exists, skipping"
    const std::unique_ptr<PGresult, decltype([](PGresult* it) { PQclear(it); })> result(
        PQexec(connection_.get(), greeting_.c_str()));
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
        return failed(result.get());
    return {};
}

Result<PgRows> PgConnection::query(const std::string& sql, const std::vector<std::string>& parameters) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        PQreset(connection_.get());
        if (PQstatus(connection_.get()) != CONNECTION_OK) return failed(nullptr);
        if (auto greeted = greet(); !greeted) return std::unexpected(greeted.error());
    }
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) values.push_back(parameter.c_str());
    PGresult* const result = PQexecParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr,
                                          values.data(), nullptr, nullptr, 0);
    PgRows rows(result);
    const auto status = PQresultStatus(result);
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) return failed(result);
    return rows;
}

std::unexpected<Error> PgConnection::failed(const PGresult* result) const {
    const char* const state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view kind = state == nullptr ? "" : state;
    const auto message =
        fmt::format("PostgreSQL at {}: {}", PQhost(connection_.get()) == nullptr ? "?" : PQhost(connection_.get()),
                    one_line(PQerrorMessage(connection_.get())));
    if (PQstatus(connection_.get()) != CONNECTION_OK || kind.starts_with("57P"))
        return fail(Code::unavailable, message);
    // Feature not supported, undefined file (no such extension there), insufficient privilege.
    if (kind == "0A000" || kind == "58P01" || kind == "42501")
        return fail(
            Code::unsupported, message,
            "sarai needs the extensions vector (pgvector) and unaccent, and a schema sarai_knowledge of its own.");
    return fail(Code::io, message);
}

Result<PgConnection::Transaction> PgConnection::Transaction::begin(PgConnection& connection) {
    if (auto done = connection.query("BEGIN"); !done) return std::unexpected(done.error());
    return Transaction(connection);
}

PgConnection::Transaction::~Transaction() {
    // A connection that broke took the transaction with it.
    if (connection_ != nullptr && PQstatus(connection_->connection_.get()) == CONNECTION_OK)
        (void)connection_->query("ROLLBACK");
}

Result<void> PgConnection::Transaction::commit() {
    if (auto done = connection_->query("COMMIT"); !done) return std::unexpected(done.error());
    connection_ = nullptr;
    return {};
}

}  // namespace sarai::knowledge
