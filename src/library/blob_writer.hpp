// Writes one blob: takes it in pieces, hashes them as they come, and gives the file its place once the digest is right.
//
// Until then the file is `.partial-…` beside the blobs; what is not finished is removed with the writer, unless it is
// to be kept for one that goes on later: a full disk keeps it as well, other failures leave nothing behind. Calls block
// on the disk. One thread at a time, which need not be the library's.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "library/holds.hpp"
#include "library/room.hpp"

namespace sarai::library {

class BlobWriter {
public:
    struct Target {
        Room room;                               // of the folder of blobs
        Holds holds;                             // has the blob as long as the writer lives
        std::optional<std::string> digest = {};  // that it must have
        std::string resume = {};                 // names the partial file for a later writer; empty: there will be none
    };

    // Errors: busy, where another writer has the same partial file; io.
    [[nodiscard]] static Result<BlobWriter> open(Target target);
    ~BlobWriter();
    BlobWriter(BlobWriter&&) noexcept;
    BlobWriter& operator=(BlobWriter&&) = delete;

    // Goes on after what an earlier writer kept, which is read again for the hash; without it that is overwritten.
    // Reads a piece of it (16 MiB); true: all was read.
    [[nodiscard]] Result<bool> read_back();
    [[nodiscard]] Result<void> write(std::string_view piece);
    // From the first byte again.
    [[nodiscard]] Result<void> restart();
    // The blob's digest, once it is safely in its place. Error: invalid_argument, in Ollama's words, for another digest
    // than the one that was asked for.
    [[nodiscard]] Result<std::string> finish();

    // From now on the writer leaves what it has to one with the same `resume`, also where there is no room for more.
    void keep_for_later();
    // A line about what is being written that outlives the writer with it: a download's ETag.
    [[nodiscard]] Result<void> set_note(std::string_view note);
    [[nodiscard]] std::string note() const;

    [[nodiscard]] Bytes written() const;

private:
    struct State;
    explicit BlobWriter(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

inline constexpr std::string_view partial_prefix = ".partial-";

// "blobs/sha256-<hex>" of "sha256:<hex>".
[[nodiscard]] std::filesystem::path path_of_blob(const std::filesystem::path& folder, std::string_view digest);

// Makes what was renamed or removed in a folder last.
[[nodiscard]] Result<void> sync_folder(const std::filesystem::path& folder);

}  // namespace sarai::library
