#include "knowledge/ingest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <map>
#include <utility>

#include "base/sha256.hpp"

namespace sarai::knowledge {
namespace fs = std::filesystem;

namespace {

// To be counted up when the same bytes make other chunks than before.
constexpr int reading_version = 1;

// Of the file, and of how it is read: other sizes make other chunks.
std::string hash_of(std::string_view bytes, Format format, const ReadOptions& options) {
    Sha256 hash;
    hash.update(
        fmt::format("{} {} {} {}\n", reading_version, name_of(format), options.sizes.most, options.sizes.overlap));
    hash.update(bytes);
    return hash.hex();
}

// What lies in the bytes stays so; a missing program or a slow moment may pass.
bool lies_in_bytes(Code code) {
    return code == Code::corrupt_file || code == Code::unsupported || code == Code::too_large;
}

bool lies_below(std::string_view path, const fs::path& folder) {
    const auto& root = folder.native();
    if (path == root) return true;
    return path.starts_with(root) && (root.ends_with('/') || path[root.size()] == '/');
}

std::int64_t now() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace

Work plan(const Walk& walk, std::span<const DocumentRecord> documents) {
    std::map<std::string_view, const DocumentRecord*> known;
    for (const auto& document : documents) known.emplace(document.path, &document);
    Work work;
    for (const auto& file : walk.files) {
        const auto found = known.find(file.path.native());
        work.files.push_back({file, found == known.end() ? "" : found->second->hash});
        if (found != known.end()) known.erase(found);
    }
    for (const auto& [path, document] : known) {
        const auto below = [&](const fs::path& folder) { return lies_below(path, folder); };
        const auto unread = [&](const Skipped& skipped) { return skipped.unreadable && below(skipped.path); };
        if (std::ranges::any_of(walk.roots, below) && std::ranges::none_of(walk.skipped, unread))
            work.gone.emplace_back(path);
    }
    return work;
}

std::optional<Prepared> prepare(const FoundFile& file, std::string_view bytes, const std::string& known,
                                const ReadOptions& options) {
    Prepared prepared;
    auto& document = prepared.document;
    document.path = file.path.string();
    document.hash = hash_of(bytes, file.format, options);
    document.format = file.format;
    document.size = Bytes{static_cast<std::int64_t>(bytes.size())};
    document.added = now();
    if (document.hash == known) return std::nullopt;
    const auto text = extract(file.format, bytes, options.limits);
    if (!text) {
        document.trouble = describe(text.error());
        if (!lies_in_bytes(text.error().code)) document.hash.clear();  // to be tried again
        return prepared;
    }
    document.format = text->format;
    document.title = text->title;
    prepared.chunks = cut_into_chunks(*text, options.sizes);
    prepared.marks = text->marks;
    return prepared;
}

Result<std::optional<Prepared>> read_file(const Work::File& file, const ReadOptions& options) {
    std::ifstream in(file.file.path, std::ios::binary);
    if (!in) return fail(Code::io, fmt::format("cannot open {}", file.file.path.string()), last_error());
    // What has grown since it was found is read no further: the next run sees the whole of it.
    std::string bytes(static_cast<std::size_t>(file.file.size.count), '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    if (in.bad()) return fail(Code::io, fmt::format("cannot read {}", file.file.path.string()));
    bytes.resize(static_cast<std::size_t>(in.gcount()));
    return prepare(file.file, bytes, file.known, options);
}

Result<void> commit(Store& store, const std::string& collection, const Prepared& prepared,
                    std::vector<Vector> vectors) {
    for (auto& vector : vectors) {
        if (!normalise(vector))
            return fail(Code::upstream,
                        fmt::format("the embedding model made no vector of a part of {}", prepared.document.path));
    }
    return store.put(collection, prepared.document, prepared.chunks, vectors);
}

namespace {

std::unexpected<Error> stopped() { return fail(Code::cancelled, "stopped"); }

// A chunk that the model refused is two of `prepared` afterwards.
Result<std::vector<Vector>> embed(Embedder& embedder, Prepared& prepared, const SyncOptions& options) {
    Embedding embedding(std::move(prepared.chunks), std::move(prepared.marks), options.batches);
    while (!embedding.batch().empty()) {
        if (options.stop.stop_requested()) return stopped();
        if (auto taken = embedding.take(embedder.embed(embedding.batch(), Purpose::passage)); !taken)
            return std::unexpected(taken.error());
    }
    prepared.chunks = std::move(embedding.chunks());
    return std::move(embedding.vectors());
}

// Of its vectors, which is known when it has made one.
Result<int> dimension_of(Embedder& embedder) {
    const std::vector<std::string> texts{"?"};
    const auto made = embedder.embed(texts, Purpose::passage);
    if (!made) return std::unexpected(made.error());
    if (made->size() != 1)
        return fail(Code::upstream, fmt::format("{} made {} vectors of one text", embedder.model(), made->size()));
    return static_cast<int>(made->front().size());
}

Result<void> make_collection(Store& store, Embedder& embedder, const std::string& name) {
    if (const auto there = store.collection(name))
        return check_same(*there, embedder.model(), there->dimension);
    else if (there.error().code != Code::not_found)
        return std::unexpected(there.error());
    const auto dimension = dimension_of(embedder);
    if (!dimension) return std::unexpected(dimension.error());
    return store.make_collection(name, embedder.model(), *dimension);
}

}  // namespace

Result<SyncReport> sync(Store& store, Embedder& embedder, const std::string& collection,
                        std::span<const fs::path> paths, const SyncOptions& options) {
    auto found = walk(paths, options.walk, options.stop);
    if (!found) return std::unexpected(found.error());
    if (auto made = make_collection(store, embedder, collection); !made) return std::unexpected(made.error());
    const auto documents = store.documents(collection);
    if (!documents) return std::unexpected(documents.error());
    const auto work = plan(*found, *documents);
    SyncReport report{.skipped = std::move(found->skipped)};
    Progress progress{.path = {}, .of = work.files.size() + (options.remove_gone ? work.gone.size() : 0)};
    const auto tell = [&](const std::string& path, bool changed, std::string trouble) {
        ++progress.done;
        progress.path = path;
        progress.changed = changed;
        progress.trouble = std::move(trouble);
        if (options.on_progress) options.on_progress(progress);
    };
    auto read = options.read;
    read.limits.pdf.stop = options.stop;
    for (const auto& file : work.files) {
        if (options.stop.stop_requested()) return stopped();
        auto prepared = read_file(file, read);
        if (options.stop.stop_requested()) return stopped();  // it may have been given up
        if (!prepared) {
            report.skipped.push_back({file.file.path, describe(prepared.error()), true});
            tell(file.file.path.string(), false, describe(prepared.error()));
            continue;
        }
        if (!*prepared) {
            ++report.unchanged;
            tell(file.file.path.string(), false, "");
            continue;
        }
        auto& one = **prepared;
        auto vectors = embed(embedder, one, options);
        if (!vectors) {
            // What the model refuses may be due to the document, but not where it refuses everything.
            if (!is_refusal(vectors.error()) || !dimension_of(embedder))
                return about(one.document.path, vectors.error());
            one.chunks.clear();
            one.document.trouble = describe(vectors.error());
            one.document.hash.clear();  // to be tried again: the model's limits may have changed
            vectors.emplace();
        }
        if (auto done = commit(store, collection, one, std::move(*vectors)); !done)
            return std::unexpected(done.error());
        const bool failed = !one.document.trouble.empty();
        ++(failed ? report.failed : file.known.empty() ? report.added : report.replaced);
        report.chunks += one.chunks.size();
        tell(one.document.path, true, one.document.trouble);
    }
    progress.removed = true;
    for (const auto& path : options.remove_gone ? work.gone : std::vector<std::string>{}) {
        if (options.stop.stop_requested()) return stopped();
        const auto removed = store.remove(collection, path);
        if (!removed) return std::unexpected(removed.error());
        report.removed += *removed ? 1 : 0;
        tell(path, *removed, "");
    }
    if (auto saved = store.save(); !saved) return std::unexpected(saved.error());
    return report;
}

}  // namespace sarai::knowledge
