// The way of a file into a collection, in steps that a coroutine or a plain loop can take one by one:
//
//     walk() → plan() → for each file: read_file() → Embedding → commit()
//
// A file whose hash is known is not read into chunks again; one that cannot be read is kept as a document without
// chunks that says why. A document is in the store, and acknowledged, when its commit() has returned; stopping anywhere
// leaves whole documents, and the next run goes on where this one was. sync() is the plain loop.
#pragma once

#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "knowledge/chunk.hpp"
#include "knowledge/embedder.hpp"
#include "knowledge/embedding.hpp"
#include "knowledge/extract.hpp"
#include "knowledge/store.hpp"
#include "knowledge/walk.hpp"

namespace sarai::knowledge {

struct Work {
    struct File {
        FoundFile file;
        std::string known;  // hash of the document of that path; empty: there is none
    };
    std::vector<File> files;
    std::vector<std::string> gone;  // documents below the roots whose files are no longer there
};
// Pure. What lies below a folder that could not be read is not gone.
[[nodiscard]] Work plan(const Walk& walk, std::span<const DocumentRecord> documents);

struct ReadOptions {
    ExtractLimits limits = {};
    ChunkSizes sizes = {};
};

// What is to be committed; without chunks where `document.trouble` says why.
struct Prepared {
    DocumentRecord document;
    std::vector<Chunk> chunks;
    std::vector<Mark> marks = {};  // of the document's text
};
// Pure but for a PDF, see extract(). nullopt: as `known`, nothing to do. Errors: none of the file's bytes; what is
// wrong with them is the document's trouble.
[[nodiscard]] std::optional<Prepared> prepare(const FoundFile& file, std::string_view bytes, const std::string& known,
                                              const ReadOptions& options);
// Reads the file, then as above. Errors: io; the document that is there, if any, is then left alone.
[[nodiscard]] Result<std::optional<Prepared>> read_file(const Work::File& file, const ReadOptions& options);

// Makes the vectors' length 1 and puts the document. Errors: upstream (a vector without direction), those of put().
[[nodiscard]] Result<void> commit(Store& store, const std::string& collection, const Prepared& prepared,
                                  std::vector<Vector> vectors);

struct Progress {
    std::string path;
    std::size_t done = 0;  // files, this one included
    std::size_t of = 0;
    bool changed = false;  // it was committed (or, with `removed`, taken out) just now
    bool removed = false;
    std::string trouble = {};
};

struct SyncOptions {
    WalkLimits walk = {};
    ReadOptions read = {};
    BatchLimits batches = {};
    bool remove_gone = false;
    std::function<void(const Progress&)> on_progress = {};
    std::stop_token stop = {};
};

struct SyncReport {
    std::size_t added = 0, replaced = 0, unchanged = 0, removed = 0, failed = 0;  // documents
    std::size_t chunks = 0;                                                       // committed
    std::vector<Skipped> skipped;                                                 // with files that could not be read
};

// Blocks. Makes the collection if it is missing. A document that the model refuses in whatever pieces becomes one that
// could not be read, and is tried again by the next run. Errors: cancelled, those of the steps; what was committed
// stays.
[[nodiscard]] Result<SyncReport> sync(Store& store, Embedder& embedder, const std::string& collection,
                                      std::span<const std::filesystem::path> paths, const SyncOptions& options = {});

}  // namespace sarai::knowledge
