#include "base/replace_file.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace sarai {
namespace fs = std::filesystem;

Result<void> replace_file(const fs::path& file, std::string_view text) {
    std::error_code ignored;
    const auto behind = fs::is_symlink(file, ignored) ? fs::weakly_canonical(file, ignored) : file;
    const auto& target = behind.empty() ? file : behind;
    const auto there = fs::status(target, ignored);
    if (fs::exists(there) && !fs::is_regular_file(there))
        return fail(Code::io, fmt::format("cannot write {}: it is no file", file.string()));
    auto beside = target;
    beside += fmt::format(".{}.tmp", ::getpid());
    std::error_code cause;
    const auto failed = [&] { return fail(Code::io, fmt::format("cannot write {}", file.string()), cause); };
    std::ofstream stream(beside, std::ios::binary | std::ios::noreplace);
    if (!stream) return failed();
    // Before a byte of it is there: who may not read it must not read it beside either.
    if (fs::exists(there)) fs::permissions(beside, there.permissions(), cause);
    if (!cause) stream << text;
    stream.close();
    if (stream && !cause) fs::rename(beside, target, cause);
    if (stream && !cause) return {};
    fs::remove(beside, ignored);
    return failed();
}

}  // namespace sarai
