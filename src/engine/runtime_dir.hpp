// A private folder for this process's sockets: mode 0700, removed at the end. What an earlier, killed sarai left behind
// is removed at the start (its pid is part of the name).
#pragma once

#include <filesystem>

#include "base/error.hpp"

namespace sarai::engine {

class RuntimeDir {
public:
    // `parent` empty: $XDG_RUNTIME_DIR, else the system's folder for temporary files.
    // Errors: io; invalid_argument where the path is too long for a unix socket (107 bytes).
    [[nodiscard]] static Result<RuntimeDir> create(std::filesystem::path parent);
    ~RuntimeDir();
    RuntimeDir(RuntimeDir&& other) noexcept;
    RuntimeDir& operator=(RuntimeDir&&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    explicit RuntimeDir(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

}  // namespace sarai::engine
