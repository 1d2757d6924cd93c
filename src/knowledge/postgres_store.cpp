#include "knowledge/postgres_store.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>

#include "knowledge/pg_connection.hpp"
#include "knowledge/postgres_schema.hpp"
#include "knowledge/words.hpp"

namespace sarai::knowledge {

namespace {

constexpr int most_indexed_dimension = 2000;  // of pgvector's hnsw for `vector`; beyond it all vectors are looked at

// Run on every new connection. Breadth as that of our own index; with a strict iterative scan a query finds as many as
// it asks for.
constexpr const char* greeting =
    "SET synchronous_commit = on; SET hnsw.ef_search = 128; SET hnsw.iterative_scan = strict_order; SET "
    "client_encoding = 'UTF8'";

std::string as_text(std::span<const float> vector) {  // "[0.25,-1]"
    std::string text = "[";
    char digits[32];
    for (const float x : vector) {
        if (text.size() > 1) text += ',';
        text.append(digits, std::to_chars(digits, digits + sizeof digits, x).ptr);
    }
    return text + "]";
}

class PostgresStore final : public Store {
public:
    explicit PostgresStore(PgConnection connection) : connection_(std::move(connection)) {}

    void heed(std::stop_token stop) override { connection_.heed(std::move(stop)); }

    Result<void> make_collection(const std::string& name, const std::string& model, int dimension) override {
        if (auto right = check_collection(name, model, dimension); !right) return right;
        auto transaction = PgConnection::Transaction::begin(connection_);
        if (!transaction) return std::unexpected(transaction.error());
        const auto made = connection_.query(
            "INSERT INTO sarai_knowledge.collections (name, model, dimension) VALUES ($1, $2, $3)"
            " ON CONFLICT (name) DO NOTHING RETURNING id",
            {name, model, std::to_string(dimension)});
        if (!made) return std::unexpected(made.error());
        if (made->count() == 0) {
            const auto there = find(name, "");
            if (!there) return std::unexpected(there.error());
            return check_same(there->collection, model, dimension);
        }
        const auto table = table_of(made->integer(0, 0));
        std::vector<std::string> statements{
            fmt::format(
                "CREATE TABLE {} (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,"
                " document bigint NOT NULL REFERENCES sarai_knowledge.documents ON DELETE CASCADE, heading text NOT "
                "NULL,"
                " \"begin\" bigint NOT NULL, \"end\" bigint NOT NULL, first bigint NOT NULL, last bigint NOT NULL,"
                " text text NOT NULL, words tsvector NOT NULL, vector vector({}) NOT NULL)",
                table, dimension),
            fmt::format("CREATE INDEX ON {} (document)", table),
            fmt::format("CREATE INDEX ON {} USING gin (words)", table)};
        if (dimension <= most_indexed_dimension)
            statements.push_back(fmt::format("CREATE INDEX ON {} USING hnsw (vector vector_cosine_ops)", table));
        for (const auto& sql : statements) {
            if (auto done = connection_.query(sql); !done) return std::unexpected(done.error());
        }
        return transaction->commit();
    }

    Result<Collection> collection(const std::string& name) override {
        auto found = find(name, "");
        if (!found) return std::unexpected(found.error());
        const auto sums = connection_.query(
            fmt::format("SELECT (SELECT count(*) FROM sarai_knowledge.documents WHERE collection = $1),"
                        " (SELECT count(*) FROM sarai_knowledge.documents WHERE collection = $1 AND trouble <> ''),"
                        " (SELECT count(*) FROM {0}), (SELECT coalesce(sum(\"end\" - \"begin\"), 0) FROM {0})",
                        found->table()),
            {std::to_string(found->id)});
        if (!sums) return std::unexpected(sums.error());
        found->collection.documents = sums->integer(0, 0);
        found->collection.failed = sums->integer(0, 1);
        found->collection.chunks = sums->integer(0, 2);
        found->collection.text = Bytes{sums->integer(0, 3)};
        return found->collection;
    }

    Result<std::vector<Collection>> collections() override {
        const auto names =
            connection_.query("SELECT name FROM sarai_knowledge.collections ORDER BY name COLLATE \"C\"");
        if (!names) return std::unexpected(names.error());
        std::vector<Collection> all;
        for (int row = 0; row < names->count(); ++row) {
            auto one = collection(names->text(row, 0));
            if (one)
                all.push_back(std::move(*one));
            else if (one.error().code != Code::not_found)
                return std::unexpected(one.error());  // removed meanwhile
        }
        return all;
    }

    Result<void> remove_collection(const std::string& name) override {
        auto transaction = PgConnection::Transaction::begin(connection_);
        if (!transaction) return std::unexpected(transaction.error());
        const auto found = find(name, " FOR UPDATE");
        if (!found) return std::unexpected(found.error());
        for (const auto& sql : {"DROP TABLE " + found->table(),
                                fmt::format("DELETE FROM sarai_knowledge.collections WHERE id = {}", found->id)}) {
            if (auto done = connection_.query(sql); !done) return std::unexpected(done.error());
        }
        return transaction->commit();
    }

    Result<void> put(const std::string& collection, const DocumentRecord& document, std::span<const Chunk> chunks,
                     std::span<const Vector> vectors) override {
        auto transaction = PgConnection::Transaction::begin(connection_);
        if (!transaction) return std::unexpected(transaction.error());
        // Writers of one collection follow one another.
        const auto found = find(collection, " FOR UPDATE");
        if (!found) return std::unexpected(found.error());
        if (auto right = check_vectors(found->collection.dimension, chunks.size(), vectors); !right) return right;
        if (auto done = take_out(*found, document.path); !done) return std::unexpected(done.error());
        const auto made = connection_.query(
            "INSERT INTO sarai_knowledge.documents (collection, path, hash, format, title, size, added, chunks, "
            "trouble)"
            " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id",
            {std::to_string(found->id), document.path, document.hash, std::to_string(static_cast<int>(document.format)),
             document.title, std::to_string(document.size.count), std::to_string(document.added),
             std::to_string(chunks.size()), document.trouble});
        if (!made) return std::unexpected(made.error());
        const auto sql = fmt::format(
            "INSERT INTO {} (document, heading, \"begin\", \"end\", first, last, text, words, vector) VALUES ($1, $2, "
            "$3, $4, $5, $6, $7,"
            " setweight(to_tsvector('simple', unaccent($8)), 'B') || setweight(to_tsvector('simple', unaccent($9)), "
            "'A'), $10::vector)",
            found->table());
        for (std::size_t i = 0; i < chunks.size(); ++i) {
            const auto& chunk = chunks[i];
            if (auto done = connection_.query(
                    sql, {made->text(0, 0), chunk.heading, std::to_string(chunk.begin), std::to_string(chunk.end),
                          std::to_string(chunk.first), std::to_string(chunk.last), chunk.text,
                          only_words(chunk.heading), only_words(chunk.text), as_text(vectors[i])});
                !done)
                return std::unexpected(done.error());
        }
        return transaction->commit();
    }

    Result<bool> remove(const std::string& collection, const std::string& path) override {
        auto transaction = PgConnection::Transaction::begin(connection_);
        if (!transaction) return std::unexpected(transaction.error());
        const auto found = find(collection, " FOR UPDATE");
        if (!found) return std::unexpected(found.error());
        const auto removed = take_out(*found, path);
        if (!removed) return removed;
        if (auto done = transaction->commit(); !done) return std::unexpected(done.error());
        return *removed;
    }

    Result<std::vector<DocumentRecord>> documents(const std::string& collection) override {
        return documents_where(collection, " ORDER BY path COLLATE \"C\"", {});
    }

    Result<std::optional<DocumentRecord>> document(const std::string& collection, const std::string& path) override {
        auto found = documents_where(collection, " AND path = $2", {path});
        if (!found) return std::unexpected(found.error());
        return found->empty() ? std::nullopt : std::optional(std::move(found->front()));
    }

    // Like BM25: what is rare in the collection counts more (the same idf), a word that comes again counts less each
    // time and long chunks less (ts_rank with normalisation 1). PostgreSQL itself knows no rarity.
    Result<std::vector<Hit>> by_words(const std::string& collection, std::string_view question, int most) override {
        const auto found = find(collection, "");
        if (!found) return std::unexpected(found.error());
        const auto words = words_of(question);
        if (words.empty() || most < 1) return std::vector<Hit>{};
        const auto rows = connection_.query(
            fmt::format("WITH asked AS (SELECT DISTINCT plainto_tsquery('simple', unaccent(word)) AS query FROM "
                        "unnest($1::text[]) AS word),"
                        " rated AS (SELECT query, ln(1 + (total.n - met.n + 0.5) / (met.n + 0.5)) AS rarity FROM asked,"
                        " LATERAL (SELECT count(*) AS n FROM {0} WHERE words @@ query) AS met, (SELECT count(*) AS n "
                        "FROM {0}) AS total"
                        " WHERE numnode(query) > 0)"
                        " SELECT id, sum(rarity * ts_rank('{{0, 0, 0.5, 1}}', words, query, 1)) AS score"
                        " FROM rated JOIN {0} ON words @@ query GROUP BY id ORDER BY score DESC, id LIMIT $2",
                        found->table()),
            {"{" + quoted(words, ",") + "}", std::to_string(most)});
        if (!rows) return std::unexpected(rows.error());
        return hits_of(*rows);
    }

    Result<std::vector<Hit>> by_vector(const std::string& collection, std::span<const float> vector,
                                       int most) override {
        const auto found = find(collection, "");
        if (!found) return std::unexpected(found.error());
        if (auto right = check_question(collection, found->collection.dimension, vector); !right)
            return std::unexpected(right.error());
        if (most < 1) return std::vector<Hit>{};
        const auto rows = connection_.query(
            fmt::format(
                "SELECT id, 1 - (vector <=> $1::vector) AS score FROM {} ORDER BY vector <=> $1::vector LIMIT $2",
                found->table()),
            {as_text(vector), std::to_string(most)});
        if (!rows) return std::unexpected(rows.error());
        return hits_of(*rows);
    }

    Result<std::vector<Passage>> passages(const std::string& collection, std::span<const std::int64_t> ids) override {
        const auto found = find(collection, "");
        if (!found) return std::unexpected(found.error());
        const auto rows = connection_.query(
            fmt::format(
                "SELECT c.id, d.path, d.title, d.format, c.heading, c.\"begin\", c.\"end\", c.first, c.last, c.text"
                " FROM unnest($1::bigint[]) WITH ORDINALITY AS asked (id, place) JOIN {} c ON c.id = asked.id"
                " JOIN sarai_knowledge.documents d ON d.id = c.document ORDER BY asked.place",
                found->table()),
            {fmt::format("{{{}}}", fmt::join(ids, ","))});
        if (!rows) return std::unexpected(rows.error());
        std::vector<Passage> all;
        for (int row = 0; row < rows->count(); ++row)
            all.push_back({.id = rows->integer(row, 0),
                           .path = rows->text(row, 1),
                           .title = rows->text(row, 2),
                           .paged = static_cast<Format>(rows->integer(row, 3)) == Format::pdf,
                           .chunk = {.text = rows->text(row, 9),
                                     .heading = rows->text(row, 4),
                                     .begin = static_cast<std::size_t>(rows->integer(row, 5)),
                                     .end = static_cast<std::size_t>(rows->integer(row, 6)),
                                     .first = static_cast<std::uint32_t>(rows->integer(row, 7)),
                                     .last = static_cast<std::uint32_t>(rows->integer(row, 8))}});
        return all;
    }

    Result<void> save() override { return {}; }  // the server keeps its indexes itself

    // The server's constraints hold the rest.
    Result<void> check() override {
        const auto all = collections();
        if (!all) return std::unexpected(all.error());
        for (const auto& collection : *all) {
            const auto found = find(collection.name, "");
            if (!found) return std::unexpected(found.error());
            const auto wrong =
                connection_.query(fmt::format("SELECT path FROM sarai_knowledge.documents d WHERE collection = $1 AND "
                                              "chunks <> (SELECT count(*) FROM {} c WHERE c.document = d.id)"
                                              " LIMIT 1",
                                              found->table()),
                                  {std::to_string(found->id)});
            if (!wrong) return std::unexpected(wrong.error());
            if (wrong->count() > 0)
                return fail(Code::corrupt_file,
                            fmt::format("collection '{}': {} has another number of chunks than it says",
                                        collection.name, wrong->text(0, 0)));
        }
        return {};
    }

private:
    static std::string table_of(std::int64_t id) { return fmt::format("sarai_knowledge.chunks_{}", id); }
    struct Found {
        std::int64_t id = 0;
        Collection collection;  // without the sums
        [[nodiscard]] std::string table() const { return table_of(id); }
    };

    Result<Found> find(const std::string& name, std::string_view lock) {
        const auto rows = connection_.query(
            fmt::format("SELECT id, model, dimension FROM sarai_knowledge.collections WHERE name = $1{}", lock), {name},
            lock.empty() ? PgConnection::statement_patience : PgConnection::lock_patience);
        if (!rows) return std::unexpected(rows.error());
        if (rows->count() == 0) return fail(Code::not_found, fmt::format("there is no collection '{}'", name));
        return Found{.id = rows->integer(0, 0),
                     .collection = {
                         .name = name, .model = rows->text(0, 1), .dimension = static_cast<int>(rows->integer(0, 2))}};
    }

    // Its chunks go with it. False: there was none.
    Result<bool> take_out(const Found& found, const std::string& path) {
        const auto removed =
            connection_.query("DELETE FROM sarai_knowledge.documents WHERE collection = $1 AND path = $2 RETURNING id",
                              {std::to_string(found.id), path});
        if (!removed) return std::unexpected(removed.error());
        return removed->count() > 0;
    }

    Result<std::vector<DocumentRecord>> documents_where(const std::string& collection, std::string_view condition,
                                                        std::vector<std::string> parameters) {
        const auto found = find(collection, "");
        if (!found) return std::unexpected(found.error());
        parameters.insert(parameters.begin(), std::to_string(found->id));
        const auto rows = connection_.query(
            fmt::format("SELECT path, hash, format, title, size, added, chunks, trouble FROM sarai_knowledge.documents"
                        " WHERE collection = $1{}",
                        condition),
            parameters);
        if (!rows) return std::unexpected(rows.error());
        std::vector<DocumentRecord> all;
        for (int row = 0; row < rows->count(); ++row)
            all.push_back({.path = rows->text(row, 0),
                           .hash = rows->text(row, 1),
                           .format = static_cast<Format>(rows->integer(row, 2)),
                           .title = rows->text(row, 3),
                           .size = Bytes{rows->integer(row, 4)},
                           .added = rows->integer(row, 5),
                           .chunks = rows->integer(row, 6),
                           .trouble = rows->text(row, 7)});
        return all;
    }

    static std::vector<Hit> hits_of(const PgRows& rows) {
        std::vector<Hit> hits;
        for (int row = 0; row < rows.count(); ++row) hits.push_back({rows.integer(row, 0), rows.real(row, 1)});
        return hits;
    }

    PgConnection connection_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(const std::string& address, const Opening& opening) {
    // The server itself sees to it that looking changes nothing.
    const auto manner = opening.look ? std::string(greeting) + "; SET default_transaction_read_only = on" : greeting;
    auto connection = PgConnection::open(address, manner, opening.stop);
    if (!connection) return std::unexpected(connection.error());
    if (auto ready = opening.look ? find_schema(*connection) : make_schema(*connection); !ready)
        return std::unexpected(ready.error());
    return std::make_unique<PostgresStore>(std::move(*connection));
}

}  // namespace sarai::knowledge
