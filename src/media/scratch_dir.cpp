#include "media/scratch_dir.hpp"

#include <linux/magic.h>
#include <sys/vfs.h>

#include <cstdlib>

namespace sarai::media {
namespace fs = std::filesystem;

fs::path scratch_parent() {
    const char* chosen = std::getenv("TMPDIR");
    return chosen != nullptr && *chosen != '\0' ? chosen : "/var/tmp";
}

bool is_in_memory(fs::path folder) {
    std::error_code ignored;
    while (!fs::exists(folder, ignored) && folder.has_relative_path()) folder = folder.parent_path();
    struct statfs info{};
    if (::statfs(folder.c_str(), &info) != 0) return false;
    return info.f_type == TMPFS_MAGIC || info.f_type == RAMFS_MAGIC;
}

Result<engine::PrivateDir> make_scratch_dir() {
    auto made = engine::PrivateDir::create(scratch_parent(), "sarai-media");
    if (!made) made.error().hint = "Set TMPDIR to a folder on a disk that sarai may write to.";
    return made;
}

}  // namespace sarai::media
