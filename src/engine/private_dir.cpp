#include "engine/private_dir.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <string>
#include <utility>

namespace sarai::engine {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view random_part = ".XXXXXX";

// A descriptor that holds its lock; −1 where there is none to be had. `how`: 0 waits for who has it, LOCK_NB does not.
int lock_folder(const fs::path& folder, int how) {
    const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (descriptor < 0) return -1;
    if (::flock(descriptor, LOCK_EX | how) == 0) return descriptor;
    ::close(descriptor);
    return -1;
}

bool is_still(const fs::path& folder, int descriptor) {
    struct stat named{}, held{};
    return ::lstat(folder.c_str(), &named) == 0 && ::fstat(descriptor, &held) == 0 && named.st_ino == held.st_ino &&
           named.st_dev == held.st_dev;
}

bool is_ours(int descriptor) {
    struct stat info{};
    return ::fstat(descriptor, &info) == 0 && info.st_uid == ::geteuid();
}

// The owner is checked, since the parent may be everybody's.
void remove_leftovers(const fs::path& parent, std::string_view prefix) {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(parent, ec)) {
        const auto name = entry.path().filename().string();
        if (name.size() != prefix.size() + random_part.size() || !name.starts_with(prefix) ||
            name[prefix.size()] != random_part.front())
            continue;
        const int lock = lock_folder(entry.path(), LOCK_NB);
        if (lock < 0) continue;
        std::error_code ignored;
        if (is_ours(lock)) fs::remove_all(entry.path(), ignored);
        ::close(lock);
    }
}

}  // namespace

Result<PrivateDir> PrivateDir::create(const fs::path& parent, std::string_view prefix) {
    std::error_code ec;
    fs::create_directories(parent, ec);
    if (ec) return fail(Code::io, fmt::format("cannot make the folder {}", parent.string()), ec);
    remove_leftovers(parent, prefix);
    for (;;) {
        auto pattern = (parent / fmt::format("{}{}", prefix, random_part)).string();
        if (::mkdtemp(pattern.data()) == nullptr)
            return fail(Code::io, fmt::format("cannot make a folder in {}", parent.string()), last_error());
        // Where the file system has no locks for folders (NFS), nobody can tell what is left over, and all is kept.
        const int lock = lock_folder(pattern, 0);
        struct stat info{};
        const bool is_there = lock >= 0 ? is_still(pattern, lock) : ::lstat(pattern.c_str(), &info) == 0;
        if (is_there) return PrivateDir(pattern, lock);
        // Another one that starts has taken it for a leftover before it was locked.
        if (lock >= 0) ::close(lock);
    }
}

PrivateDir::PrivateDir(PrivateDir&& other) noexcept
    : path_(std::exchange(other.path_, {})), lock_(std::exchange(other.lock_, -1)) {}

PrivateDir::~PrivateDir() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
    if (lock_ >= 0) ::close(lock_);
}

}  // namespace sarai::engine
