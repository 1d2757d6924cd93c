// Finds the files below folders that are worth reading, and says of the others why they are not.
#pragma once

#include <filesystem>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "knowledge/document.hpp"

namespace sarai::knowledge {

struct WalkLimits {
    Bytes file = MiB(64);  // larger ones are left out
    std::size_t files = 100'000;
};

struct FoundFile {
    std::filesystem::path path;  // absolute, without links and dots: a file has one name, however it was reached
    Format format = Format::text;
    Bytes size;
    bool operator==(const FoundFile&) const = default;
};

struct Skipped {
    std::filesystem::path path;
    std::string reason;       // "hidden", "binary", "96.0 MiB, at most 64.0 MiB are read", …
    bool unreadable = false;  // it may be as it was: nothing is known of it
    bool operator==(const Skipped&) const = default;
};

struct Walk {
    std::vector<std::filesystem::path> roots;  // as found: absolute, without links
    std::vector<FoundFile> files;              // by path, each once
    std::vector<Skipped> skipped;
};

// A path that is named is taken even if it is hidden or a link; below a folder hidden names, `node_modules`, links (so
// that there are no circles) and what is no text or PDF are skipped. Errors: not_found (a path that is not there),
// too_large (more files than `limits.files`), cancelled (`stop`).
[[nodiscard]] Result<Walk> walk(std::span<const std::filesystem::path> paths, const WalkLimits& limits = {},
                                const std::stop_token& stop = {});

}  // namespace sarai::knowledge
