#include "knowledge/pg_connection.hpp"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace sarai::knowledge {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds look_every{100};  // how often a wait looks whether it is still wanted

// libpq's messages end with a line end, and may have several lines.
std::string one_line(std::string_view message) {
    std::string line;
    for (const char c : message) line += c == '\n' || c == '\t' ? ' ' : c;
    line.resize(line.find_last_not_of(' ') + 1);
    return line;
}

std::string place_of(PGconn* connection) {
    const char* const host = PQhost(connection);
    return fmt::format("PostgreSQL at {}", host == nullptr ? "?" : host);
}

struct FreeOptions {
    void operator()(PQconninfoOption* options) const { PQconninfoFree(options); }
};

// What libpq itself only heeds where it blocks: connect_timeout, for each of the hosts. 0 or less: for ever.
PgConnection::Clock::time_point login_deadline(PGconn* connection) {
    const std::unique_ptr<PQconninfoOption, FreeOptions> options(PQconninfo(connection));
    long seconds = 0, hosts = 1;
    for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option) {
        const std::string_view key = option->keyword, value = option->val == nullptr ? "" : option->val;
        if (key == "connect_timeout") std::from_chars(value.data(), value.data() + value.size(), seconds);
        if (key == "host" || key == "hostaddr") hosts = std::max(hosts, 1 + std::ranges::count(value, ','));
    }
    if (seconds <= 0) return PgConnection::Clock::time_point::max();
    return PgConnection::Clock::now() + std::chrono::seconds(std::min(seconds, 86'400L) * hosts);
}

}  // namespace

Result<PgConnection> PgConnection::open(const std::string& address, std::string greeting, std::stop_token stop) {
    PgConnection made(address, std::move(greeting), std::move(stop));
    if (auto connected = made.connect(); !connected) return std::unexpected(connected.error());
    return made;
}

Result<void> PgConnection::connect() {
    // Where the address says nothing of it: a server that does not answer must not hold us up for minutes, nor one
    // whose machine is gone (it sends no packet that would say so).
    const char* const names[] = {"connect_timeout",
                                 "keepalives_idle",
                                 "keepalives_interval",
                                 "keepalives_count",
                                 "tcp_user_timeout",
                                 "application_name",
                                 "dbname",
                                 nullptr};
    const char* const values[] = {"10", "10", "5", "3", "10000", "sarai", address_.c_str(), nullptr};
    connection_.reset(PQconnectStartParams(names, values, 1));
    if (connection_ == nullptr) return fail(Code::no_memory, "cannot connect to PostgreSQL: out of memory");
    if (PQstatus(connection_.get()) == CONNECTION_BAD) return failed(nullptr);
    const auto begun = Clock::now();
    const auto deadline = login_deadline(connection_.get());
    for (auto step = PGRES_POLLING_WRITING; step != PGRES_POLLING_OK; step = PQconnectPoll(connection_.get())) {
        if (step == PGRES_POLLING_FAILED) return failed(nullptr);
        const Wait wait{.begun = begun, .deadline = deadline, .what = "the login"};
        if (auto ready = wait_for(step == PGRES_POLLING_READING ? POLLIN : POLLOUT, wait); !ready) return ready;
    }
    PQsetnonblocking(connection_.get(), 1);
    PQsetNoticeProcessor(connection_.get(), [](void*, const char*) {}, nullptr);  // "already exists, skipping"
    if (greeting_.empty()) return {};
    if (PQsendQuery(connection_.get(), greeting_.c_str()) != 1) return failed(nullptr);
    auto greeted = outcome("the greeting", statement_patience);
    if (!greeted) return std::unexpected(greeted.error());
    return {};
}

Result<PgRows> PgConnection::query(const std::string& sql, const std::vector<std::string>& parameters,
                                   milliseconds patience) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) {
        if (auto connected = connect(); !connected) return std::unexpected(connected.error());
    }
    std::vector<const char*> values;
    values.reserve(parameters.size());
    for (const auto& parameter : parameters) values.push_back(parameter.c_str());
    if (PQsendQueryParams(connection_.get(), sql.c_str(), static_cast<int>(values.size()), nullptr, values.data(),
                          nullptr, nullptr, 0) != 1)
        return failed(nullptr);
    return outcome(std::string_view(sql).substr(0, sql.find_first_of(" (")), patience);
}

// Of the statement that was sent. All its results are taken, so that the next one can be sent; the last one counts.
Result<PgRows> PgConnection::outcome(std::string_view what, milliseconds patience) {
    const auto now = Clock::now();
    const Wait wait{.begun = now, .deadline = now + patience, .what = what};
    while (const int left = PQflush(connection_.get())) {
        if (left < 0) return failed(nullptr);
        // A server that sends reads nothing until that is taken from it.
        if (auto ready = wait_for(POLLIN | POLLOUT, wait); !ready) return std::unexpected(ready.error());
        if (PQconsumeInput(connection_.get()) != 1) return failed(nullptr);
    }
    PgRows rows(nullptr);
    for (;;) {
        while (PQisBusy(connection_.get()) == 1) {
            if (auto ready = wait_for(POLLIN, wait); !ready) return std::unexpected(ready.error());
            if (PQconsumeInput(connection_.get()) != 1) return failed(nullptr);
        }
        PgRows next(PQgetResult(connection_.get()));
        if (next.get() == nullptr) break;
        rows = std::move(next);
    }
    const auto status = PQresultStatus(rows.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK && status != PGRES_EMPTY_QUERY)
        return failed(rows.get());
    return rows;
}

// What is not waited for any longer may still answer: the connection is of no more use, and takes what the statement
// has done with it.
Result<void> PgConnection::wait_for(short events, const Wait& wait) {
    pollfd socket{PQsocket(connection_.get()), events, 0};
    for (;;) {
        const auto now = Clock::now();
        std::unexpected<Error> trouble(Error{});
        if (stop_.stop_requested()) {
            trouble = fail(Code::cancelled,
                           fmt::format("{} was no longer waited for ({})", place_of(connection_.get()), wait.what));
        } else if (now >= wait.deadline) {
            const auto waited = std::chrono::duration<double>(now - wait.begun).count();
            trouble = fail(Code::unavailable, fmt::format("{} does not answer: {} has taken {:.1f} s",
                                                          place_of(connection_.get()), wait.what, waited));
        } else {
            const auto left =
                std::chrono::ceil<milliseconds>(std::min<Clock::duration>(wait.deadline - now, look_every));
            const int ready = ::poll(&socket, 1, static_cast<int>(left.count()));
            if (ready > 0) return {};
            if (ready == 0 || errno == EINTR) continue;
            trouble = fail(Code::io, fmt::format("cannot wait for {}", place_of(connection_.get())), last_error());
        }
        connection_.reset();
        return trouble;
    }
}

std::unexpected<Error> PgConnection::failed(const PGresult* result) const {
    const char* const state = result == nullptr ? nullptr : PQresultErrorField(result, PG_DIAG_SQLSTATE);
    const std::string_view kind = state == nullptr ? "" : state;
    // A failed statement's own words: others may have followed it.
    const std::string_view words = result == nullptr ? "" : PQresultErrorMessage(result);
    const auto message = fmt::format("{}: {}", place_of(connection_.get()),
                                     one_line(words.empty() ? PQerrorMessage(connection_.get()) : words));
    if (PQstatus(connection_.get()) != CONNECTION_OK || kind.starts_with("57P"))
        return fail(Code::unavailable, message);
    // Feature not supported, undefined file (no such extension there), insufficient privilege.
    if (kind == "0A000" || kind == "58P01" || kind == "42501") return fail(Code::unsupported, message, needs);
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
