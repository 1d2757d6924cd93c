// The models that clients brought: `blobs/sha256-…`, the files that they are made of, and `manifests/…json`, one for
// each model, which say of which.
//
// The folder is the user's own (mode 0700) and made with the first thing that is put into it. A manifest's file is
// named by the hash of its model's name, so no name becomes a path. Everything is written beside its place and renamed,
// after it reached the disk: a crash leaves the old or the new. A manifest in the library names blobs that are there; a
// blob goes with the last manifest that names it, but not while somebody holds it.
//
// Belongs to one thread, and does not change between calls: one process has a library. Names are as clients write them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "library/blob_writer.hpp"
#include "library/holds.hpp"
#include "library/manifest.hpp"
#include "library/room.hpp"

namespace sarai::library {

struct NewBlob {
    std::optional<std::string> digest = {};  // as parse_digest() gives it
    std::optional<Bytes> size = {};          // of what is still to be written
    std::string resume = {};                 // hexadecimal; see BlobWriter::Target
};

class Library {
public:
    // Reads what is there; damaged manifests are logged and left out, partial files of more than a day ago removed, and
    // blobs that no model was made of. `room` keeps its reserve free, and is told its folder here. Error: io, where the
    // folder cannot be read.
    [[nodiscard]] static Result<Library> open(std::filesystem::path folder, Room room = {});

    // The newest first. What these point to is valid until the next change.
    [[nodiscard]] std::vector<const Manifest*> list() const;
    [[nodiscard]] const Manifest* find(std::string_view name) const;  // nullptr: it is not here

    // Adds or replaces. Errors: invalid_argument for a name that is none, not_found for a blob that is not here, io.
    [[nodiscard]] Result<void> put(Manifest manifest);
    // Errors, in Ollama's words: not_found, invalid_argument.
    [[nodiscard]] Result<void> copy(std::string_view source, std::string_view destination, Moment now);
    [[nodiscard]] Result<void> remove(std::string_view name);

    // Where a blob is, or would be. Error: "invalid digest format".
    [[nodiscard]] Result<std::filesystem::path> blob_path(std::string_view digest) const;
    [[nodiscard]] bool has_blob(std::string_view digest) const;
    // The path of one that is here. Error: not_found, in Ollama's words.
    [[nodiscard]] Result<std::filesystem::path> existing_blob(std::string_view digest) const;
    // Bytes on disk of all that a model is made of.
    [[nodiscard]] Bytes size_of(const Manifest& manifest) const;

    // Makes the folders. Error: io, where there is no room for `size`.
    [[nodiscard]] Result<BlobWriter> new_blob(NewBlob blob) const;
    // What a writer has left to one with the same `resume`.
    [[nodiscard]] Bytes kept(std::string_view resume) const;
    // Keeps a blob that no manifest names yet.
    [[nodiscard]] Hold hold(std::string digest) const { return holds_.hold(std::move(digest)); }
    // Is there room for so much more? Makes the folders.
    [[nodiscard]] Result<void> check_room(Bytes needed) const;

private:
    Library(std::filesystem::path folder, Room room);
    [[nodiscard]] Result<void> make_folders() const;
    [[nodiscard]] Result<void> write_manifest(const std::string& key, const Manifest& manifest) const;
    [[nodiscard]] std::filesystem::path manifest_file(std::string_view key) const;
    void read_manifests();
    void drop_forgotten();
    void drop_unnamed(const Manifest& gone);

    std::filesystem::path folder_;
    std::filesystem::path blobs_;
    std::filesystem::path manifests_;
    Room room_;
    Holds holds_;
    std::map<std::string, Manifest, std::less<>> models_;  // by Name::key()
};

}  // namespace sarai::library
