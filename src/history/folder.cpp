#include "history/folder.hpp"

#include <sys/stat.h>

#include <cerrno>

#include "base/error.hpp"

namespace sarai::history {

namespace fs = std::filesystem;

std::error_code make_folder(const fs::path& folder) {
    std::error_code failed;
    if (fs::is_directory(folder, failed)) return {};
    if (folder.has_parent_path()) fs::create_directories(folder.parent_path(), failed);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST) return last_error();
    return {};
}

}  // namespace sarai::history
