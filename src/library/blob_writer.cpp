#include "library/blob_writer.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <utility>
#include <vector>

#include "base/sha256.hpp"

namespace sarai::library {
namespace fs = std::filesystem;

namespace {

// Between two looks at what the disk has left, for what does not say its size beforehand.
constexpr Bytes unwatched = MiB(64);

bool is_full(const std::error_code& cause) { return cause == std::errc::no_space_on_device || cause.value() == EDQUOT; }

Error io_error(std::string_view doing, const fs::path& file) {
    const auto cause = last_error();
    return {.code = Code::io,
            .message = fmt::format("cannot {} {}", doing, file.string()),
            .hint = is_full(cause) ? "The disk is full: delete models that are not needed." : "",
            .cause = cause};
}

}  // namespace

fs::path path_of_blob(const fs::path& folder, std::string_view digest) {
    std::string name(digest);
    name.replace(name.find(':'), 1, "-");
    return folder / name;
}

Result<void> sync_folder(const fs::path& folder) {
    const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return std::unexpected(io_error("open", folder));
    const bool synced = ::fsync(fd) == 0 || errno == EINVAL;  // EINVAL: a file system that need not be told
    const auto error = io_error("write", folder);
    ::close(fd);
    if (!synced) return std::unexpected(error);
    return {};
}

struct BlobWriter::State {
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        const bool empty = begun && written.count == 0;
        if (!done && (!keep || empty)) remove();
        if (fd >= 0) ::close(fd);  // only now: until then nobody else may have the file
    }

    [[nodiscard]] fs::path note_file() const { return partial.string() + ".note"; }
    void remove() {
        std::error_code ignored;
        fs::remove(partial, ignored);
        fs::remove(note_file(), ignored);
        done = true;
    }
    [[nodiscard]] bool rewind() {
        hash = Sha256();
        written = watched = {};
        return ::lseek(fd, 0, SEEK_SET) == 0;
    }
    // After these the writer is of no use any more.
    std::unexpected<Error> give_up(Error error) {
        remove();
        return std::unexpected(std::move(error));
    }
    // There is no room for more: what has come is right, and stays if it is to be kept.
    std::unexpected<Error> run_out(Error error) {
        return keep ? std::unexpected(std::move(error)) : give_up(std::move(error));
    }
    std::unexpected<Error> stop(Error error) {
        const bool no_room = is_full(error.cause) || error.cause == std::errc::file_too_large;
        return no_room ? run_out(std::move(error)) : give_up(std::move(error));
    }

    Target target;
    Hold hold;  // of the digest, from when it is known
    fs::path partial;
    int fd = -1;
    Sha256 hash;
    Bytes written;
    Bytes watched;  // written when the disk was last asked
    bool reads_back = false;
    bool begun = false;  // what was in the file before is read or gone
    bool keep = false;
    bool done = false;  // finished or removed
};

BlobWriter::BlobWriter(std::unique_ptr<State> state) : state_(std::move(state)) {}
BlobWriter::BlobWriter(BlobWriter&&) noexcept = default;
BlobWriter::~BlobWriter() = default;

Result<BlobWriter> BlobWriter::open(Target target) {
    auto state = std::make_unique<State>();
    const auto& folder = target.room.folder;
    if (target.resume.empty()) {
        auto pattern = (folder / (std::string(partial_prefix) + "XXXXXX")).string();
        state->fd = ::mkostemp(pattern.data(), O_CLOEXEC);
        state->partial = pattern;
    } else {
        state->partial = folder / (std::string(partial_prefix) + target.resume);
        state->fd = ::open(state->partial.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    }
    if (state->fd < 0) {
        state->done = true;  // there is nothing to remove
        return std::unexpected(io_error("make", state->partial));
    }
    struct stat opened{};
    struct stat named{};
    // The second half: whoever had it may have given it its place between our two calls.
    if (::flock(state->fd, LOCK_EX | LOCK_NB) != 0 || ::fstat(state->fd, &opened) != 0 ||
        ::stat(state->partial.c_str(), &named) != 0 || opened.st_ino != named.st_ino) {
        state->done = true;  // it is another writer's
        return fail(Code::busy, fmt::format("{} is being written by another request",
                                            target.digest.value_or(state->partial.filename().string())));
    }
    if (target.digest) state->hold = target.holds.hold(*target.digest);
    state->target = std::move(target);
    return BlobWriter(std::move(state));
}

Result<void> BlobWriter::restart() {
    if (::ftruncate(state_->fd, 0) != 0 || !state_->rewind())
        return state_->give_up(io_error("write", state_->partial));
    state_->begun = true;
    return {};
}

Result<bool> BlobWriter::read_back() {
    constexpr int pieces = 16;
    if (!state_->reads_back && !state_->rewind()) return state_->give_up(io_error("read", state_->partial));
    state_->reads_back = true;
    std::vector<char> buffer(1U << 20U);
    for (int i = 0; i < pieces; ++i) {
        const auto got = ::read(state_->fd, buffer.data(), buffer.size());
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return state_->give_up(io_error("read", state_->partial));
        if (got == 0) {
            state_->watched = state_->written;
            state_->begun = true;
            return true;
        }
        state_->hash.update({buffer.data(), static_cast<std::size_t>(got)});
        state_->written.count += got;
    }
    return false;
}

Result<void> BlobWriter::write(std::string_view piece) {
    if (!state_->begun)
        if (auto restarted = restart(); !restarted) return restarted;
    if (state_->written - state_->watched >= unwatched) {
        if (auto room = state_->target.room.check(Bytes{static_cast<std::int64_t>(piece.size())}); !room)
            return state_->run_out(room.error());
        state_->watched = state_->written;
    }
    state_->hash.update(piece);
    while (!piece.empty()) {
        const auto put = ::write(state_->fd, piece.data(), piece.size());
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return state_->stop(io_error("write", state_->partial));
        state_->written.count += put;
        piece.remove_prefix(static_cast<std::size_t>(put));
    }
    return {};
}

Result<std::string> BlobWriter::finish() {
    if (!state_->begun)
        if (auto restarted = restart(); !restarted) return std::unexpected(restarted.error());
    auto digest = "sha256:" + state_->hash.hex();
    if (const auto& expected = state_->target.digest; expected && *expected != digest)
        return state_->give_up(
            Error{.code = Code::invalid_argument,
                  .message = fmt::format("digest mismatch, expected \"{}\", got \"{}\"", *expected, digest),
                  .field = "digest"});
    if (::fdatasync(state_->fd) != 0) return state_->give_up(io_error("write", state_->partial));
    if (!state_->hold) state_->hold = state_->target.holds.hold(digest);
    const auto& folder = state_->target.room.folder;
    std::error_code failed;
    fs::rename(state_->partial, path_of_blob(folder, digest), failed);
    if (failed)
        return state_->give_up(
            {.code = Code::io, .message = fmt::format("cannot rename {}", state_->partial.string()), .cause = failed});
    state_->done = true;
    fs::remove(state_->note_file(), failed);
    if (auto synced = sync_folder(folder); !synced) return std::unexpected(synced.error());
    return digest;
}

void BlobWriter::keep_for_later() { state_->keep = !state_->target.resume.empty(); }

Result<void> BlobWriter::set_note(std::string_view note) {
    if (note == this->note()) return {};  // a full disk would take it from us
    std::ofstream out(state_->note_file(), std::ios::binary | std::ios::trunc);
    out << note;
    out.close();
    if (out) return {};
    auto error = io_error("write", state_->note_file());
    std::error_code ignored;
    fs::remove(state_->note_file(), ignored);  // half of one says nothing
    return state_->stop(std::move(error));
}

std::string BlobWriter::note() const {
    std::ifstream in(state_->note_file(), std::ios::binary);
    std::string text;
    std::getline(in, text);
    return text;
}

Bytes BlobWriter::written() const { return state_->written; }

}  // namespace sarai::library
