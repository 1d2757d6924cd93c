#include "knowledge/sqlite_rows.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sarai::knowledge {

namespace {

// As the machine has them: little-endian on all we build for.
std::string_view bytes_of(std::span<const float> vector) {
    return {reinterpret_cast<const char*>(vector.data()), vector.size_bytes()};
}

// A statement of one number.
Result<void> run_for(SqliteDatabase& database, const std::string& sql, std::int64_t number) {
    auto query = database.query(sql);
    query.bind(number).row();
    if (!query.ok()) return database.failed("write");
    return {};
}

}  // namespace

Result<CollectionRow> find_collection(SqliteDatabase& database, const std::string& name) {
    auto asked = database.query("SELECT id, uid, generation, model, dimension FROM collections WHERE name = ?");
    if (asked.bind(name).row())
        return CollectionRow{
            .id = asked.integer(0),
            .uid = asked.text(1),
            .generation = asked.integer(2),
            .collection = {.name = name, .model = asked.text(3), .dimension = static_cast<int>(asked.integer(4))}};
    if (!asked.ok()) return database.failed("read");
    return fail(Code::not_found, fmt::format("there is no collection '{}'", name));
}

Result<bool> collection_is_there(SqliteDatabase& database, std::int64_t id) {
    auto asked = database.query("SELECT 1 FROM collections WHERE id = ?");
    const bool there = asked.bind(id).row();
    if (!asked.ok()) return database.failed("read");
    return there;
}

Result<Collection> sum_up(SqliteDatabase& database, const CollectionRow& row) {
    auto collection = row.collection;
    {
        auto sums =
            database.query("SELECT count(*), coalesce(sum(trouble <> ''), 0) FROM documents WHERE collection = ?");
        if (!sums.bind(row.id).row()) return database.failed("read");
        collection.documents = sums.integer(0);
        collection.failed = sums.integer(1);
    }
    auto sums = database.query("SELECT count(*), coalesce(sum(\"end\" - begin), 0) FROM chunks WHERE collection = ?");
    if (!sums.bind(row.id).row()) return database.failed("read");
    collection.chunks = sums.integer(0);
    collection.text = Bytes{sums.integer(1)};
    return collection;
}

Result<void> insert_collection(SqliteDatabase& database, const std::string& name, const std::string& model,
                               int dimension) {
    {
        auto made = database.query("INSERT INTO collections (name, model, dimension) VALUES (?, ?, ?)");
        made.bind(name).bind(model).bind(std::int64_t{dimension}).row();
        if (!made.ok()) return database.failed("write");
    }
    const auto row = find_collection(database, name);
    if (!row) return std::unexpected(row.error());
    // Words only: the text itself is in `chunks`.
    return database.run(
        fmt::format("CREATE VIRTUAL TABLE {} USING fts5(heading, text, content='', contentless_delete=1,"
                    " tokenize='unicode61 remove_diacritics 2')",
                    row->words_table()),
        "write");
}

Result<void> delete_collection(SqliteDatabase& database, const CollectionRow& row) {
    for (const auto* sql : {"DELETE FROM chunks WHERE collection = ?", "DELETE FROM documents WHERE collection = ?",
                            "DELETE FROM collections WHERE id = ?"}) {
        if (auto done = run_for(database, sql, row.id); !done) return done;
    }
    return database.run("DROP TABLE " + row.words_table(), "write");
}

Result<std::vector<DocumentRecord>> find_documents(SqliteDatabase& database, const CollectionRow& row,
                                                   const std::optional<std::string>& path) {
    auto asked = database.query(fmt::format(
        "SELECT path, hash, format, title, size, added, chunks, trouble FROM documents WHERE collection = ?{}",
        path ? " AND path = ?" : " ORDER BY path"));
    asked.bind(row.id);
    if (path) asked.bind(*path);
    std::vector<DocumentRecord> all;
    while (asked.row())
        all.push_back({.path = asked.text(0),
                       .hash = asked.text(1),
                       .format = static_cast<Format>(asked.integer(2)),
                       .title = asked.text(3),
                       .size = Bytes{asked.integer(4)},
                       .added = asked.integer(5),
                       .chunks = asked.integer(6),
                       .trouble = asked.text(7)});
    if (!asked.ok()) return database.failed("read");
    return all;
}

Result<ChunkIds> insert_document(SqliteDatabase& database, const CollectionRow& row, const DocumentRecord& document,
                                 std::span<const Chunk> chunks, std::span<const Vector> vectors) {
    std::int64_t id = 0;
    {
        auto made = database.query(
            "INSERT INTO documents (collection, path, hash, format, title, size, added, chunks, trouble)"
            " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id");
        made.bind(row.id).bind(document.path).bind(document.hash).bind(static_cast<std::int64_t>(document.format));
        made.bind(document.title).bind(document.size.count).bind(document.added);
        made.bind(static_cast<std::int64_t>(chunks.size())).bind(document.trouble);
        if (!made.row()) return database.failed("write");
        id = made.integer(0);
    }
    const auto insert_words = fmt::format("INSERT INTO {} (rowid, heading, text) VALUES (?, ?, ?)", row.words_table());
    ChunkIds ids;
    for (std::size_t i = 0; i < chunks.size(); ++i) {
        const auto& chunk = chunks[i];
        {
            auto made = database.query(
                "INSERT INTO chunks (collection, document, heading, begin, \"end\", first, last, text, vector)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id");
            made.bind(row.id).bind(id).bind(chunk.heading);
            made.bind(static_cast<std::int64_t>(chunk.begin)).bind(static_cast<std::int64_t>(chunk.end));
            made.bind(std::int64_t{chunk.first}).bind(std::int64_t{chunk.last});
            made.bind(chunk.text).bind_blob(bytes_of(vectors[i]));
            if (!made.row()) return database.failed("write");
            ids.push_back(made.integer(0));
        }
        auto words = database.query(insert_words);
        words.bind(ids.back()).bind(chunk.heading).bind(chunk.text).row();
        if (!words.ok()) return database.failed("write");
    }
    if (auto done = count_change(database, row); !done) return std::unexpected(done.error());
    return ids;
}

Result<ChunkIds> delete_document(SqliteDatabase& database, const CollectionRow& row, const std::string& path) {
    ChunkIds ids;
    {
        auto listed = database.query(
            "SELECT c.id FROM chunks c JOIN documents d ON d.id = c.document WHERE d.collection = ? AND d.path = ?");
        listed.bind(row.id).bind(path);
        while (listed.row()) ids.push_back(listed.integer(0));
        if (!listed.ok()) return database.failed("read");
    }
    const auto delete_words = fmt::format("DELETE FROM {} WHERE rowid = ?", row.words_table());
    for (const auto id : ids) {
        if (auto done = run_for(database, "DELETE FROM chunks WHERE id = ?", id); !done)
            return std::unexpected(done.error());
        if (auto done = run_for(database, delete_words, id); !done) return std::unexpected(done.error());
    }
    auto removed = database.query("DELETE FROM documents WHERE collection = ? AND path = ?");
    removed.bind(row.id).bind(path).row();
    if (!removed.ok()) return database.failed("write");
    return ids;
}

Result<void> count_change(SqliteDatabase& database, const CollectionRow& row) {
    return run_for(database, "UPDATE collections SET generation = generation + 1 WHERE id = ?", row.id);
}

Result<ChunkIds> chunk_ids(SqliteDatabase& database, const CollectionRow& row) {
    ChunkIds ids;
    auto listed = database.query("SELECT id FROM chunks WHERE collection = ? ORDER BY id");
    listed.bind(row.id);
    while (listed.row()) ids.push_back(listed.integer(0));
    if (!listed.ok()) return database.failed("read");
    return ids;
}

Result<Vector> vector_of(SqliteDatabase& database, const CollectionRow& row, std::int64_t chunk) {
    auto asked = database.query("SELECT vector FROM chunks WHERE id = ?");
    if (!asked.bind(chunk).row()) return database.failed("read");
    const auto bytes = asked.text(0);
    const auto expected = static_cast<std::size_t>(row.collection.dimension) * sizeof(float);
    if (bytes.size() != expected)
        return fail(Code::corrupt_file, fmt::format("chunk {} of collection '{}' has a vector of {} bytes: expected {}",
                                                    chunk, row.collection.name, bytes.size(), expected));
    Vector vector(static_cast<std::size_t>(row.collection.dimension));
    std::ranges::copy(bytes, reinterpret_cast<char*>(vector.data()));
    return vector;
}

Result<std::optional<Passage>> find_passage(SqliteDatabase& database, const CollectionRow& row, std::int64_t chunk) {
    auto asked = database.query(
        "SELECT d.path, d.title, d.format, c.heading, c.begin, c.\"end\", c.first, c.last, c.text"
        " FROM chunks c JOIN documents d ON d.id = c.document WHERE c.id = ? AND c.collection = ?");
    if (asked.bind(chunk).bind(row.id).row())
        return Passage{.id = chunk,
                       .path = asked.text(0),
                       .title = asked.text(1),
                       .paged = static_cast<Format>(asked.integer(2)) == Format::pdf,
                       .chunk = {.text = asked.text(8),
                                 .heading = asked.text(3),
                                 .begin = static_cast<std::size_t>(asked.integer(4)),
                                 .end = static_cast<std::size_t>(asked.integer(5)),
                                 .first = static_cast<std::uint32_t>(asked.integer(6)),
                                 .last = static_cast<std::uint32_t>(asked.integer(7))}};
    if (!asked.ok()) return database.failed("read");
    return std::nullopt;
}

Result<void> check_file(SqliteDatabase& database) {
    auto asked = database.query("PRAGMA quick_check(1)");
    if (!asked.row()) return database.failed("check");
    if (asked.text(0) != "ok") return fail(Code::corrupt_file, "knowledge.db: " + asked.text(0));
    return {};
}

Result<void> check_rows(SqliteDatabase& database, const CollectionRow& row) {
    const auto words = row.words_table();
    const std::pair<std::string, std::string_view> demands[] = {
        {"SELECT 1 FROM documents d WHERE d.collection = ?"
         " AND d.chunks <> (SELECT count(*) FROM chunks c WHERE c.document = d.id)",
         "a document has another number of chunks than it says"},
        {"SELECT 1 FROM chunks c LEFT JOIN documents d ON d.id = c.document WHERE c.collection = ? AND d.id IS NULL",
         "a chunk has no document"},
        {fmt::format("SELECT 1 FROM chunks WHERE collection = ? AND length(vector) <> {}",
                     static_cast<std::size_t>(row.collection.dimension) * sizeof(float)),
         "a vector has another length"},
        {fmt::format(
             "SELECT 1 FROM chunks c LEFT JOIN {} w ON w.rowid = c.id WHERE c.collection = ? AND w.rowid IS NULL",
             words),
         "a chunk is not found by its words"},
        {fmt::format("SELECT 1 FROM {} w LEFT JOIN chunks c ON c.id = w.rowid AND c.collection = ? WHERE c.id IS NULL",
                     words),
         "words lead to no chunk"}};
    for (const auto& [sql, what] : demands) {
        auto asked = database.query(sql);
        const bool found = asked.bind(row.id).row();
        if (!asked.ok()) return database.failed("check");
        if (found) return fail(Code::corrupt_file, fmt::format("collection '{}': {}", row.collection.name, what));
    }
    return database.run(fmt::format("INSERT INTO {0} ({0}) VALUES ('integrity-check')", words), "check");
}

}  // namespace sarai::knowledge
