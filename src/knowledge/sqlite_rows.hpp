// Collections, documents and chunks as rows of `knowledge.db`. What changes something belongs into a transaction of the
// caller's.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "knowledge/sqlite_database.hpp"
#include "knowledge/store.hpp"

namespace sarai::knowledge {

using ChunkIds = std::vector<std::int64_t>;

struct CollectionRow {
    std::int64_t id = 0;
    std::string uid;
    std::int64_t generation = 0;  // counts its changes
    Collection collection;        // without the sums
    [[nodiscard]] std::string words_table() const { return "words_" + std::to_string(id); }
};

// Errors: not_found.
[[nodiscard]] Result<CollectionRow> find_collection(SqliteDatabase& database, const std::string& name);
[[nodiscard]] Result<bool> collection_is_there(SqliteDatabase& database, std::int64_t id);
// With the sums.
[[nodiscard]] Result<Collection> sum_up(SqliteDatabase& database, const CollectionRow& row);
[[nodiscard]] Result<void> insert_collection(SqliteDatabase& database, const std::string& name,
                                             const std::string& model, int dimension);
[[nodiscard]] Result<void> delete_collection(SqliteDatabase& database, const CollectionRow& row);

// Of one path, or all, by path.
[[nodiscard]] Result<std::vector<DocumentRecord>> find_documents(SqliteDatabase& database, const CollectionRow& row,
                                                                 const std::optional<std::string>& path);
// Counts as a change of the collection. Its chunks' ids.
[[nodiscard]] Result<ChunkIds> insert_document(SqliteDatabase& database, const CollectionRow& row,
                                               const DocumentRecord& document, std::span<const Chunk> chunks,
                                               std::span<const Vector> vectors);
// The ids of the chunks that went with it.
[[nodiscard]] Result<ChunkIds> delete_document(SqliteDatabase& database, const CollectionRow& row,
                                               const std::string& path);
[[nodiscard]] Result<void> count_change(SqliteDatabase& database, const CollectionRow& row);

[[nodiscard]] Result<ChunkIds> chunk_ids(SqliteDatabase& database, const CollectionRow& row);  // ascending
// Errors: corrupt_file, if it is of another length.
[[nodiscard]] Result<Vector> vector_of(SqliteDatabase& database, const CollectionRow& row, std::int64_t chunk);
[[nodiscard]] Result<std::optional<Passage>> find_passage(SqliteDatabase& database, const CollectionRow& row,
                                                          std::int64_t chunk);

// Whether the rows fit together. Errors: corrupt_file.
[[nodiscard]] Result<void> check_file(SqliteDatabase& database);
[[nodiscard]] Result<void> check_rows(SqliteDatabase& database, const CollectionRow& row);

}  // namespace sarai::knowledge
