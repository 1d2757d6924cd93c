// A folder for this process's files alone: mode 0700, removed at the end. What an earlier, killed sarai left behind is
// removed when the next one is made beside it: whoever lives holds a lock on its own, which no process that has the
// number of a dead one can be taken for (in a container every sarai has the same, and disks outlive a boot).
#pragma once

#include <filesystem>
#include <string_view>

#include "base/error.hpp"

namespace sarai::engine {

class PrivateDir {
public:
    // In `parent`, which is made where it is missing; its name is `prefix` with a dot and six characters. Only those of
    // the same prefix and owner are ever taken for leftovers. Error: io.
    [[nodiscard]] static Result<PrivateDir> create(const std::filesystem::path& parent, std::string_view prefix);
    ~PrivateDir();
    PrivateDir(PrivateDir&& other) noexcept;
    PrivateDir& operator=(PrivateDir&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    PrivateDir(std::filesystem::path path, int lock) : path_(std::move(path)), lock_(lock) {}
    std::filesystem::path path_;
    int lock_ = -1;  // a descriptor
};

}  // namespace sarai::engine
