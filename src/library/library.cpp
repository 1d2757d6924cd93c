#include "library/library.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <set>
#include <utility>

#include "base/sha256.hpp"
#include "library/name.hpp"

namespace sarai::library {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view unfinished_prefix = ".new-";
constexpr auto longest_pause = std::chrono::hours(24);  // of a download that is to go on

Result<void> make_folder(const fs::path& folder) {
    if (::mkdir(folder.c_str(), 0700) == 0 || errno == EEXIST) return {};
    return fail(Code::io, fmt::format("cannot make the folder {}", folder.string()), last_error());
}

Result<void> write_through(const fs::path& file, std::string_view text) {
    const auto failed = [&] { return fail(Code::io, fmt::format("cannot write {}", file.string()), last_error()); };
    const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return failed();
    bool good = true;
    while (good && !text.empty()) {
        const auto put = ::write(fd, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        good = put >= 0;
        if (good) text.remove_prefix(static_cast<std::size_t>(put));
    }
    good = good && ::fsync(fd) == 0;
    auto result = good ? Result<void>{} : failed();
    ::close(fd);
    return result;
}

Result<std::string> read_file(const fs::path& file) {
    std::error_code failed;
    const auto size = fs::file_size(file, failed);  // an error for a folder
    if (failed) return fail(Code::io, "it cannot be read", failed);
    std::string text(size, '\0');
    std::ifstream in(file, std::ios::binary);
    if (!in.read(text.data(), static_cast<std::streamsize>(size))) return fail(Code::io, "it cannot be read");
    return text;
}

// What earlier processes left unfinished in a folder.
void sweep(const fs::path& folder, std::string_view prefix, std::chrono::hours age) {
    std::error_code failed;
    const auto now = fs::file_time_type::clock::now();
    for (fs::directory_iterator it(folder, failed), end; !failed && it != end; it.increment(failed)) {
        if (!it->path().filename().string().starts_with(prefix)) continue;
        std::error_code ignored;
        const auto written = it->last_write_time(ignored);
        if (!ignored && now - written >= age) fs::remove(it->path(), ignored);
    }
}

}  // namespace

Library::Library(fs::path folder, Room room)
    : folder_(std::move(folder)), blobs_(folder_ / "blobs"), manifests_(folder_ / "manifests"), room_(std::move(room)) {
    room_.folder = blobs_;
}

Result<Library> Library::open(fs::path folder, Room room) {
    Library library(std::move(folder), std::move(room));
    sweep(library.manifests_, unfinished_prefix, std::chrono::hours(0));
    std::error_code failed;
    if (fs::exists(library.manifests_, failed)) {
        const fs::directory_iterator readable(library.manifests_, failed);
        if (!failed) library.read_manifests();
    }
    if (failed)
        return fail(Code::io, fmt::format("cannot read the model library {}", library.folder_.string()), failed);
    sweep(library.blobs_, partial_prefix, longest_pause);
    return library;
}

// Blobs that were brought, and of which nobody made a model within a day.
void Library::drop_forgotten() {
    std::set<std::string> named;
    for (const auto& [key, manifest] : models_) {
        if (!manifest.model.empty()) named.insert(path_of_blob(folder_, manifest.model).filename().string());
        if (manifest.mmproj) named.insert(path_of_blob(folder_, *manifest.mmproj).filename().string());
    }
    std::error_code failed;
    for (fs::directory_iterator it(blobs_, failed), end; !failed && it != end; it.increment(failed)) {
        const auto name = it->path().filename().string();
        std::error_code ec;
        const auto age = fs::file_time_type::clock::now() - fs::last_write_time(it->path(), ec);
        if (ec || !name.starts_with("sha256-") || named.contains(name) || age < longest_pause) continue;
        spdlog::info("the blob {} is removed: no model is made of it", name);
        fs::remove(it->path(), ec);
    }
}

void Library::read_manifests() {
    std::error_code failed;
    bool damaged = false;
    for (fs::directory_iterator it(manifests_, failed), end; !failed && it != end; it.increment(failed)) {
        const auto& file = it->path();
        if (file.extension() != ".json") continue;
        const auto text = read_file(file);
        auto manifest = text ? decode_manifest(*text) : std::unexpected(text.error());
        if (!manifest) {
            spdlog::warn("the manifest {} is left out: {}", file.string(), describe(manifest.error()));
            damaged = true;  // its blobs may be wanted again
            continue;
        }
        auto key = Name::parse(manifest->name)->key();
        if (file != manifest_file(key)) {
            spdlog::warn("the manifest {} is left out: it is of '{}', whose file has another name", file.string(),
                         manifest->name);
            damaged = true;
            continue;
        }
        models_.insert_or_assign(std::move(key), std::move(*manifest));
    }
    if (!failed && !damaged) drop_forgotten();
}

std::vector<const Manifest*> Library::list() const {
    std::vector<const Manifest*> all;
    for (const auto& [key, manifest] : models_) all.push_back(&manifest);
    std::ranges::stable_sort(all, std::greater{}, &Manifest::created_at);
    return all;
}

const Manifest* Library::find(std::string_view name) const {
    const auto parsed = Name::parse(name);
    if (!parsed) return nullptr;
    const auto found = models_.find(parsed->key());
    return found == models_.end() ? nullptr : &found->second;
}

fs::path Library::manifest_file(std::string_view key) const { return manifests_ / (sha256_hex(key) + ".json"); }

Result<void> Library::make_folders() const {
    std::error_code failed;
    if (folder_.has_parent_path()) fs::create_directories(folder_.parent_path(), failed);
    for (const auto& folder : {folder_, blobs_, manifests_})
        if (auto made = make_folder(folder); !made) return made;
    return {};
}

Result<void> Library::write_manifest(const std::string& key, const Manifest& manifest) const {
    if (auto made = make_folders(); !made) return made;
    const auto file = manifest_file(key);
    const auto unfinished = manifests_ / (std::string(unfinished_prefix) + file.filename().string());
    std::error_code failed;
    if (auto written = write_through(unfinished, encode_manifest(manifest)); !written) {
        fs::remove(unfinished, failed);
        return written;
    }
    fs::rename(unfinished, file, failed);
    if (failed) return fail(Code::io, fmt::format("cannot rename {}", unfinished.string()), failed);
    return sync_folder(manifests_);
}

Result<void> Library::put(Manifest manifest) {
    const auto name = Name::parse(manifest.name);
    if (!name) return std::unexpected(name.error());
    manifest.name = name->text();
    if (manifest.base.empty())
        if (auto model = existing_blob(manifest.model); !model) return std::unexpected(model.error());
    if (manifest.mmproj)
        if (auto mmproj = existing_blob(*manifest.mmproj); !mmproj) return std::unexpected(mmproj.error());
    const auto key = name->key();
    if (auto written = write_manifest(key, manifest); !written) return written;
    const auto before = models_.extract(key);
    models_.emplace(key, std::move(manifest));
    if (!before.empty()) drop_unnamed(before.mapped());
    return {};
}

Result<void> Library::copy(std::string_view source, std::string_view destination, Moment now) {
    if (!Name::parse(source)) return fail_field("source", fmt::format("source \"{}\" is invalid", source));
    if (!Name::parse(destination))
        return fail_field("destination", fmt::format("destination \"{}\" is invalid", destination));
    const auto* found = find(source);
    if (found == nullptr)
        return std::unexpected(Error{
            .code = Code::not_found, .message = fmt::format("model \"{}\" not found", source), .field = "source"});
    auto made = *found;
    made.name = destination;
    made.created_at = now;
    return put(std::move(made));
}

Result<void> Library::remove(std::string_view name) {
    const auto parsed = Name::parse(name);
    if (!parsed) return fail_field("model", fmt::format("name \"{}\" is invalid", name));
    const auto found = models_.find(parsed->key());
    if (found == models_.end())
        return std::unexpected(
            Error{.code = Code::not_found, .message = fmt::format("model '{}' not found", name), .field = "model"});
    const auto file = manifest_file(found->first);
    std::error_code failed;
    fs::remove(file, failed);
    if (failed) return fail(Code::io, fmt::format("cannot remove {}", file.string()), failed);
    const auto gone = std::move(found->second);
    models_.erase(found);
    if (auto synced = sync_folder(manifests_); !synced) return synced;  // before the blobs go, which it names
    drop_unnamed(gone);
    return {};
}

void Library::drop_unnamed(const Manifest& gone) {
    const auto drop = [this](const std::string& digest) {
        const bool named = std::ranges::any_of(
            models_, [&](const auto& entry) { return entry.second.model == digest || entry.second.mmproj == digest; });
        if (named || holds_.has(digest)) return;
        std::error_code failed;
        const auto file = path_of_blob(blobs_, digest);
        fs::remove(file, failed);
        if (failed) spdlog::warn("cannot remove {}: {}", file.string(), failed.message());
    };
    if (!gone.model.empty()) drop(gone.model);
    if (gone.mmproj) drop(*gone.mmproj);
}

Result<fs::path> Library::blob_path(std::string_view digest) const {
    const auto parsed = parse_digest(digest);
    if (!parsed) return std::unexpected(parsed.error());
    return path_of_blob(blobs_, *parsed);
}

bool Library::has_blob(std::string_view digest) const { return existing_blob(digest).has_value(); }

Result<fs::path> Library::existing_blob(std::string_view digest) const {
    auto path = blob_path(digest);
    std::error_code ignored;
    if (path && !fs::is_regular_file(*path, ignored))
        return std::unexpected(
            Error{.code = Code::not_found,
                  .message = fmt::format("open {}: no such file or directory", path->filename().string()),
                  .field = "digest"});
    return path;
}

Bytes Library::size_of(const Manifest& manifest) const {
    const auto size = [this](const std::string& digest) {
        std::error_code failed;
        const auto count = fs::file_size(path_of_blob(blobs_, digest), failed);
        return failed ? Bytes{} : Bytes{static_cast<std::int64_t>(count)};
    };
    return (manifest.model.empty() ? Bytes{} : size(manifest.model)) +
           (manifest.mmproj ? size(*manifest.mmproj) : Bytes{});
}

Bytes Library::kept(std::string_view resume) const {
    std::error_code failed;
    const auto count = fs::file_size(blobs_ / (std::string(partial_prefix) + std::string(resume)), failed);
    return failed ? Bytes{} : Bytes{static_cast<std::int64_t>(count)};
}

Result<void> Library::check_room(Bytes needed) const {
    if (auto made = make_folders(); !made) return made;
    return room_.check(needed);
}

Result<BlobWriter> Library::new_blob(NewBlob blob) const {
    if (auto room = check_room(blob.size.value_or(Bytes{})); !room) return std::unexpected(room.error());
    return BlobWriter::open(
        {.room = room_, .holds = holds_, .digest = std::move(blob.digest), .resume = std::move(blob.resume)});
}

}  // namespace sarai::library
