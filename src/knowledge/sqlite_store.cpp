#include "knowledge/sqlite_store.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <utility>

#include "history/folder.hpp"
#include "knowledge/sqlite_rows.hpp"
#include "knowledge/vector_index.hpp"
#include "knowledge/words.hpp"

namespace sarai::knowledge {
namespace fs = std::filesystem;

namespace {

using Transaction = SqliteDatabase::Transaction;

std::string index_name(const CollectionRow& row) { return "vectors-" + row.uid; }

class SqliteStore final : public Store {
public:
    SqliteStore(fs::path folder, std::unique_ptr<SqliteDatabase> database)
        : folder_(std::move(folder)), database_(std::move(database)) {}

    void heed(std::stop_token stop) override { database_->heed(std::move(stop)); }

    Result<void> make_collection(const std::string& name, const std::string& model, int dimension) override {
        if (auto right = check_collection(name, model, dimension); !right) return right;
        auto transaction = Transaction::begin(*database_, true);
        if (!transaction) return std::unexpected(transaction.error());
        const auto there = find(name);
        if (there) return check_same(there->collection, model, dimension);
        if (there.error().code != Code::not_found) return std::unexpected(there.error());
        if (auto done = insert_collection(*database_, name, model, dimension); !done) return done;
        return transaction->commit();
    }

    Result<Collection> collection(const std::string& name) override {
        const auto row = find(name);
        if (!row) return std::unexpected(row.error());
        return sum_up(*database_, *row);
    }

    Result<std::vector<Collection>> collections() override {
        std::vector<std::string> names;
        {
            auto listed = database_->query("SELECT name FROM collections ORDER BY name");
            while (listed.row()) names.push_back(listed.text(0));
            if (!listed.ok()) return database_->failed("read");
        }
        std::vector<Collection> all;
        for (const auto& name : names) {
            auto one = collection(name);
            if (one) {
                all.push_back(std::move(*one));
            } else if (one.error().code != Code::not_found) {  // else removed meanwhile
                return std::unexpected(one.error());
            }
        }
        return all;
    }

    Result<void> remove_collection(const std::string& name) override {
        auto transaction = Transaction::begin(*database_, true);
        if (!transaction) return std::unexpected(transaction.error());
        const auto row = find(name);
        if (!row) return std::unexpected(row.error());
        if (auto done = delete_collection(*database_, *row); !done) return done;
        if (auto done = transaction->commit(); !done) return done;
        indexes_.erase(row->id);
        VectorIndex::remove_files(folder_, index_name(*row));
        return {};
    }

    Result<void> put(const std::string& collection, const DocumentRecord& document, std::span<const Chunk> chunks,
                     std::span<const Vector> vectors) override {
        auto transaction = Transaction::begin(*database_, true);
        if (!transaction) return std::unexpected(transaction.error());
        const auto row = find(collection);
        if (!row) return std::unexpected(row.error());
        if (auto right = check_vectors(row->collection.dimension, chunks.size(), vectors); !right) return right;
        const auto removed = delete_document(*database_, *row, document.path);
        if (!removed) return std::unexpected(removed.error());
        const auto added = insert_document(*database_, *row, document, chunks, vectors);
        if (!added) return std::unexpected(added.error());
        if (auto done = transaction->commit(); !done) return done;
        follow(*row, *removed, *added, vectors);
        return {};
    }

    Result<bool> remove(const std::string& collection, const std::string& path) override {
        auto transaction = Transaction::begin(*database_, true);
        if (!transaction) return std::unexpected(transaction.error());
        const auto row = find(collection);
        if (!row) return std::unexpected(row.error());
        const auto there = find_documents(*database_, *row, path);
        if (!there) return std::unexpected(there.error());
        if (there->empty()) return false;
        const auto removed = delete_document(*database_, *row, path);
        if (!removed) return std::unexpected(removed.error());
        if (auto done = count_change(*database_, *row); !done) return std::unexpected(done.error());
        if (auto done = transaction->commit(); !done) return std::unexpected(done.error());
        follow(*row, *removed, {}, {});
        return true;
    }

    Result<std::vector<DocumentRecord>> documents(const std::string& collection) override {
        const auto row = find(collection);
        if (!row) return std::unexpected(row.error());
        return find_documents(*database_, *row, std::nullopt);
    }

    Result<std::optional<DocumentRecord>> document(const std::string& collection, const std::string& path) override {
        const auto row = find(collection);
        if (!row) return std::unexpected(row.error());
        auto found = find_documents(*database_, *row, path);
        if (!found) return std::unexpected(found.error());
        return found->empty() ? std::nullopt : std::optional(std::move(found->front()));
    }

    Result<std::vector<Hit>> by_words(const std::string& collection, std::string_view question, int most) override {
        const auto row = find(collection);
        if (!row) return std::unexpected(row.error());
        const auto match = quoted(words_of(question), " OR ");
        if (match.empty() || most < 1) return std::vector<Hit>{};
        // A heading stands in the text of one chunk and above that of many: it counts half. bm25() is negative.
        auto asked =
            database_->query(fmt::format("SELECT rowid, bm25({0}, 0.5, 1.0) AS cost FROM {0} WHERE {0} MATCH ?"
                                         " ORDER BY cost, rowid LIMIT ?",
                                         row->words_table()));
        asked.bind(match).bind(std::int64_t{most});
        std::vector<Hit> hits;
        while (asked.row()) hits.push_back({asked.integer(0), -asked.real(1)});
        if (!asked.ok()) return database_->failed("search");
        return hits;
    }

    Result<std::vector<Hit>> by_vector(const std::string& collection, std::span<const float> vector,
                                       int most) override {
        const auto row = find(collection);
        if (!row) return std::unexpected(row.error());
        if (auto right = check_question(collection, row->collection.dimension, vector); !right)
            return std::unexpected(right.error());
        if (most < 1) return std::vector<Hit>{};
        const auto index = index_of(*row);
        if (!index) return std::unexpected(index.error());
        return (*index)->nearest(vector, static_cast<std::size_t>(most));
    }

    Result<std::vector<Passage>> passages(const std::string& collection, std::span<const std::int64_t> ids) override {
        const auto row = find(collection);
        if (!row) return std::unexpected(row.error());
        std::vector<Passage> all;
        for (const auto id : ids) {
            auto one = find_passage(*database_, *row, id);
            if (!one) return std::unexpected(one.error());
            if (*one) all.push_back(std::move(**one));
        }
        return all;
    }

    Result<void> save() override {
        const auto all = collections();
        if (!all) return std::unexpected(all.error());
        for (const auto& collection : *all) {
            const auto index = index_of(collection.name);
            if (!index) return std::unexpected(index.error());
            if (auto done = (*index)->save(); !done) return done;
        }
        return {};
    }

    Result<void> check() override {
        if (auto done = check_file(*database_); !done) return done;
        const auto all = collections();
        if (!all) return std::unexpected(all.error());
        for (const auto& collection : *all) {
            const auto row = find(collection.name);
            if (!row) return std::unexpected(row.error());
            if (auto done = check_rows(*database_, *row); !done) return done;
            const auto index = index_of(*row);
            if (!index) return std::unexpected(index.error());
            if (std::cmp_not_equal((*index)->size(), collection.chunks))
                return fail(Code::corrupt_file, fmt::format("collection '{}': the index of its vectors has {} of {}",
                                                            collection.name, (*index)->size(), collection.chunks));
        }
        return {};
    }

private:
    Result<CollectionRow> find(const std::string& name) { return find_collection(*database_, name); }

    Result<VectorIndex*> index_of(const std::string& name) {
        const auto row = find(name);
        if (!row) return std::unexpected(row.error());
        return index_of(*row);
    }
    // Agreeing with the database.
    Result<VectorIndex*> index_of(const CollectionRow& row);
    Result<void> catch_up(const CollectionRow& row, VectorIndex& index);
    // Does to the index what was committed to the database; whatever goes wrong there is made good by the next search.
    void follow(const CollectionRow& before, const ChunkIds& removed, const ChunkIds& added,
                std::span<const Vector> vectors);

    fs::path folder_;
    std::unique_ptr<SqliteDatabase> database_;
    std::map<std::int64_t, VectorIndex> indexes_;  // by collection
};

Result<VectorIndex*> SqliteStore::index_of(const CollectionRow& row) {
    auto at = indexes_.find(row.id);
    if (at == indexes_.end()) {
        // Other programs remove collections as well.
        std::erase_if(indexes_,
                      [&](const auto& entry) { return !collection_is_there(*database_, entry.first).value_or(true); });
        at = indexes_.emplace(row.id, VectorIndex::open(folder_, index_name(row), row.collection.dimension)).first;
    }
    if (auto done = catch_up(row, at->second); !done) return std::unexpected(done.error());
    if (at->second.worth_saving()) {
        if (auto done = at->second.save(); !done) spdlog::warn("{}", describe(done.error()));
    }
    return &at->second;
}

// Compares the ids: with ids that are never used twice, equal ids are equal vectors.
Result<void> SqliteStore::catch_up(const CollectionRow& row, VectorIndex& index) {
    // The generation and the ids have to be of one moment.
    auto transaction = Transaction::begin(*database_, false);
    if (!transaction) return std::unexpected(transaction.error());
    const auto now = find(row.collection.name);
    if (!now) return std::unexpected(now.error());
    if (index.generation() == now->generation) return {};
    const auto there = chunk_ids(*database_, *now);
    if (!there) return std::unexpected(there.error());
    ChunkIds gone, missing;
    std::ranges::set_difference(index.ids(), *there, std::back_inserter(gone));
    for (const auto id : gone) index.remove(id);
    if (index.wasteful()) index.clear();
    std::ranges::set_difference(*there, index.ids(), std::back_inserter(missing));
    for (const auto id : missing) {
        // What was added stays in the index, which is then of no change: the next call goes on from there.
        if (database_->stopped())
            return fail(Code::cancelled,
                        fmt::format("the vectors of collection '{}' are not all indexed", row.collection.name));
        const auto vector = vector_of(*database_, *now, id);
        if (!vector) return std::unexpected(vector.error());
        index.add(id, *vector);
    }
    index.set_generation(now->generation);
    return {};
}

void SqliteStore::follow(const CollectionRow& before, const ChunkIds& removed, const ChunkIds& added,
                         std::span<const Vector> vectors) {
    const auto at = indexes_.find(before.id);
    if (at == indexes_.end() || at->second.generation() != before.generation) return;
    try {
        for (const auto id : removed) at->second.remove(id);
        for (std::size_t i = 0; i < added.size(); ++i) at->second.add(added[i], vectors[i]);
        at->second.set_generation(before.generation + 1);
    } catch (const std::exception& error) {  // out of memory, as hnswlib says it
        spdlog::warn("the vectors of collection '{}' are indexed at the next search: {}", before.collection.name,
                     error.what());
        indexes_.erase(at);
    }
}

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const fs::path& folder, const Opening& opening) {
    if (folder.empty()) return fail(Code::io, "there is no folder for the documents");
    const auto file = folder / "knowledge.db";
    if (opening.look) {
        auto there = SqliteDatabase::look(file, opening.stop);
        if (!there) return std::unexpected(there.error());
        return std::make_unique<SqliteStore>(folder, std::move(*there));
    }
    if (const auto failed = history::make_folder(folder))
        return fail(Code::io, fmt::format("cannot make the folder {}", folder.string()), failed);
    auto database = SqliteDatabase::open(file, opening.stop);
    if (!database) return std::unexpected(database.error());
    return std::make_unique<SqliteStore>(folder, std::move(*database));
}

}  // namespace sarai::knowledge
