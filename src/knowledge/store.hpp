// Where documents are kept: collections of them, each cut into chunks that are found by words and by vectors.
//
// What a call that changes something has answered with success is there after a crash of this process or of the
// machine; what was under way is there completely or not at all. A collection's embedding model and the length of its
// vectors are fixed when it is made. Calls may take long (other writers, first use of a large index), so they belong on
// a thread of their own; one at a time. Other processes may use the same store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "knowledge/chunk.hpp"
#include "knowledge/fusion.hpp"

namespace sarai::knowledge {

// Unit length, see normalise(). Their inner product is the cosine.
using Vector = std::vector<float>;

// False, and nothing changed, for a vector without direction: empty, zero, or with a number that is none.
[[nodiscard]] bool normalise(Vector& vector);

inline constexpr int most_dimension = 8192;

struct Collection {
    std::string name;
    std::string model;  // that made its vectors
    int dimension = 0;
    std::int64_t documents = 0;
    std::int64_t failed = 0;  // of these, that could not be read
    std::int64_t chunks = 0;
    Bytes text;  // of all chunks
    bool operator==(const Collection&) const = default;
};

struct DocumentRecord {
    std::string path;  // identifies it within its collection
    std::string hash;  // SHA-256 of the file, in hexadecimal
    Format format = Format::text;
    std::string title = {};
    Bytes size = {};           // of the file
    std::int64_t added = 0;    // seconds since 1970
    std::int64_t chunks = 0;   // set by the store
    std::string trouble = {};  // why it could not be read; empty: it could, and is found
    bool operator==(const DocumentRecord&) const = default;
};

// A chunk with what a citation needs.
struct Passage {
    std::int64_t id = 0;
    std::string path;
    std::string title;
    bool paged = false;
    Chunk chunk;
    [[nodiscard]] std::string citation() const { return cite(path, paged, chunk.first, chunk.last); }
    bool operator==(const Passage&) const = default;
};

class Store {
public:
    virtual ~Store() = default;

    // Once it is asked to stop (from any thread), the call that is under way ends within a tenth of a second, or when
    // the disk has answered; so do those that follow. Their error is cancelled, and what they were at is undone. A call
    // itself: like the others, on the thread that uses the store.
    virtual void heed(std::stop_token stop) = 0;

    // Makes the collection unless it is there. Errors: invalid_argument (name, dimension; another model or dimension
    // than it was made with).
    [[nodiscard]] virtual Result<void> make_collection(const std::string& name, const std::string& model,
                                                       int dimension) = 0;
    // By name. Errors of this and all below that name a collection: not_found.
    [[nodiscard]] virtual Result<Collection> collection(const std::string& name) = 0;
    [[nodiscard]] virtual Result<std::vector<Collection>> collections() = 0;
    [[nodiscard]] virtual Result<void> remove_collection(const std::string& name) = 0;

    // In place of the document of that path, if there is one. As many vectors as chunks. Errors: invalid_argument (a
    // vector of another dimension or that is not of unit length).
    [[nodiscard]] virtual Result<void> put(const std::string& collection, const DocumentRecord& document,
                                           std::span<const Chunk> chunks, std::span<const Vector> vectors) = 0;
    // False: there was none.
    [[nodiscard]] virtual Result<bool> remove(const std::string& collection, const std::string& path) = 0;
    // By path.
    [[nodiscard]] virtual Result<std::vector<DocumentRecord>> documents(const std::string& collection) = 0;
    [[nodiscard]] virtual Result<std::optional<DocumentRecord>> document(const std::string& collection,
                                                                         const std::string& path) = 0;

    // Best first, at most `most`. By words: BM25 or close to it, over those of the question (see words.hpp) that a
    // chunk or its headings have; case and accents do not matter. By vector: the cosine; found approximately.
    [[nodiscard]] virtual Result<std::vector<Hit>> by_words(const std::string& collection, std::string_view question,
                                                            int most) = 0;
    [[nodiscard]] virtual Result<std::vector<Hit>> by_vector(const std::string& collection,
                                                             std::span<const float> vector, int most) = 0;
    // In the order of `ids`; those that are no longer there are left out.
    [[nodiscard]] virtual Result<std::vector<Passage>> passages(const std::string& collection,
                                                                std::span<const std::int64_t> ids) = 0;

    // Makes and saves what is derived: to be called after many changes, else the next search or start does it. Nothing
    // is lost without it.
    [[nodiscard]] virtual Result<void> save() = 0;
    // Whether everything fits together: counts, words, vectors, the derived index. Errors: corrupt_file, which says
    // what.
    [[nodiscard]] virtual Result<void> check() = 0;
};

struct Opening {
    bool look = false;          // only to list what there is: nothing is made or changed
    std::stop_token stop = {};  // for the opening and, see heed(), what follows
};

// "postgresql://…" or "postgres://…" (libpq's URIs), else a folder for SQLite's files, made if missing (mode 0700).
// Errors: io, unavailable, unsupported (written by a newer sarai; a server without pgvector), cancelled; not_found
// (there is nothing yet to be looked at).
[[nodiscard]] Result<std::unique_ptr<Store>> open_store(const std::string& where, const Opening& opening = {});

// Where a configuration has it: `configured` (knowledge.store), else in the folder of the history, which `state_dir`
// (engine.state_dir) chooses.
[[nodiscard]] std::string store_place(const std::string& configured, const std::filesystem::path& state_dir);

// What searches by vector keep in memory here of a collection, from the first one on; nothing where a server keeps it.
[[nodiscard]] Bytes memory_of(const std::string& where, const Collection& collection);

// What both stores demand of what they are given.
[[nodiscard]] Result<void> check_collection(const std::string& name, const std::string& model, int dimension);
[[nodiscard]] Result<void> check_same(const Collection& there, const std::string& model, int dimension);
[[nodiscard]] Result<void> check_vectors(int dimension, std::size_t chunks, std::span<const Vector> vectors);
[[nodiscard]] Result<void> check_question(const std::string& collection, int dimension, std::span<const float> vector);

}  // namespace sarai::knowledge
