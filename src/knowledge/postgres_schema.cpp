#include "knowledge/postgres_schema.hpp"

namespace sarai::knowledge {

namespace {

constexpr int version = 1;

// Under an advisory lock (the number is arbitrary), since two that make the same at once would fail.
constexpr const char* set_up[] = {
    "SELECT pg_advisory_xact_lock(7236837501)",
    "CREATE EXTENSION IF NOT EXISTS vector",
    "CREATE EXTENSION IF NOT EXISTS unaccent",
    "CREATE SCHEMA IF NOT EXISTS sarai_knowledge",
    "CREATE TABLE IF NOT EXISTS sarai_knowledge.version (number integer NOT NULL)",
    "INSERT INTO sarai_knowledge.version SELECT 1 WHERE NOT EXISTS (SELECT FROM sarai_knowledge.version)",
    "CREATE TABLE IF NOT EXISTS sarai_knowledge.collections (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " name text NOT NULL UNIQUE, model text NOT NULL, dimension integer NOT NULL)",
    "CREATE TABLE IF NOT EXISTS sarai_knowledge.documents (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
    " collection bigint NOT NULL REFERENCES sarai_knowledge.collections ON DELETE CASCADE, path text NOT NULL, hash "
    "text NOT NULL,"
    " format integer NOT NULL, title text NOT NULL, size bigint NOT NULL, added bigint NOT NULL, chunks bigint NOT "
    "NULL,"
    " trouble text NOT NULL, UNIQUE (collection, path))"};

Result<void> check_version(PgConnection& connection) {
    const auto there = connection.query("SELECT number FROM sarai_knowledge.version");
    if (!there) return std::unexpected(there.error());
    if (there->count() != 1 || there->integer(0, 0) > version)
        return fail(Code::unsupported, "the schema sarai_knowledge was made by a newer sarai");
    return {};
}

}  // namespace

Result<void> make_schema(PgConnection& connection) {
    auto transaction = PgConnection::Transaction::begin(connection);
    if (!transaction) return std::unexpected(transaction.error());
    for (const auto* sql : set_up) {
        if (auto done = connection.query(sql); !done) return std::unexpected(done.error());
    }
    if (auto fits = check_version(connection); !fits) return fits;
    return transaction->commit();
}

Result<void> find_schema(PgConnection& connection) {
    const auto there = connection.query(
        "SELECT to_regclass('sarai_knowledge.version') IS NOT NULL,"
        " (SELECT count(*) FROM pg_available_extensions WHERE name IN ('vector', 'unaccent')),"
        " has_database_privilege(current_database(), 'CREATE')");
    if (!there) return std::unexpected(there.error());
    if (there->text(0, 0) == "t") return check_version(connection);
    if (there->integer(0, 1) < 2)
        return fail(Code::unsupported, "PostgreSQL lacks the extension vector or unaccent", PgConnection::needs);
    if (there->text(0, 2) != "t")
        return fail(Code::unsupported, "the user may make no schema in that database", PgConnection::needs);
    return fail(Code::not_found, "there is no schema sarai_knowledge yet");
}

}  // namespace sarai::knowledge
