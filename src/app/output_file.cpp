#include "app/output_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace sarai::app {

namespace fs = std::filesystem;

Result<void> may_write(const fs::path& file, bool force) {
    std::error_code ignored;
    if (force || !fs::exists(fs::symlink_status(file, ignored))) return {};
    return fail(Code::invalid_argument, fmt::format("{} exists", file.string()), "--force writes over it.");
}

Result<void> write_output(const fs::path& file, const std::string& text, bool force) {
    if (auto may = may_write(file, force); !may) return may;
    // Beside it first, so that a full disk costs nothing that was there.
    auto beside = file;
    beside += fmt::format(".{}.tmp", ::getpid());
    std::ofstream stream(beside, std::ios::out | std::ios::noreplace);
    stream << text;
    stream.close();
    std::error_code cause;
    if (stream) fs::rename(beside, file, cause);
    if (stream && !cause) return {};
    std::error_code ignored;
    fs::remove(beside, ignored);
    return fail(Code::io, fmt::format("cannot write {}", file.string()), cause);
}

}  // namespace sarai::app
