// Whether a folder's disk has room for something.
#pragma once

#include <filesystem>
#include <functional>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::library {

// What an unprivileged process may still write to the disk that holds `folder`.
[[nodiscard]] Result<Bytes> free_space_of(const std::filesystem::path& folder);

struct Room {
    std::filesystem::path folder;
    Bytes reserve = {};  // is left free
    std::function<Result<Bytes>(const std::filesystem::path&)> free_space = free_space_of;

    // Error: io, with the sum.
    [[nodiscard]] Result<void> check(Bytes needed) const;
};

}  // namespace sarai::library
