#include "engine/runtime_dir.hpp"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <string>
#include <utility>

namespace sarai::engine {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "sarai-run-";

// Removes folders of ours whose process has gone. The owner is checked, since the parent may be /tmp.
void remove_leftovers(const fs::path& parent) {
    std::error_code ec;
    for (const auto& entry : fs::directory_iterator(parent, ec)) {
        const auto name = entry.path().filename().string();
        if (!name.starts_with(prefix)) continue;
        pid_t pid = 0;
        const char* digits = name.data() + prefix.size();
        if (std::from_chars(digits, name.data() + name.size(), pid).ec != std::errc{} || pid <= 0) continue;
        struct stat info{};
        if (::lstat(entry.path().c_str(), &info) != 0 || !S_ISDIR(info.st_mode) || info.st_uid != ::getuid()) continue;
        if (::kill(pid, 0) == 0 || errno != ESRCH) continue;
        std::error_code ignored;
        fs::remove_all(entry.path(), ignored);
    }
}

}  // namespace

Result<RuntimeDir> RuntimeDir::create(fs::path parent) {
    std::error_code ec;
    if (parent.empty()) {
        const char* runtime = std::getenv("XDG_RUNTIME_DIR");
        parent = runtime != nullptr && fs::is_directory(runtime, ec) ? fs::path(runtime) : fs::temp_directory_path(ec);
    }
    fs::create_directories(parent, ec);
    if (ec) return fail(Code::io, fmt::format("cannot make the folder {}", parent.string()), ec);
    remove_leftovers(parent);
    auto pattern = (parent / fmt::format("{}{}-XXXXXX", prefix, ::getpid())).string();
    if (pattern.size() + 20 > 107)
        return fail(Code::invalid_argument,
                    fmt::format("the folder {} is too deep for a unix socket's path (107 bytes)", parent.string()),
                    "Set engine.runtime_dir to a shorter one.");
    if (::mkdtemp(pattern.data()) == nullptr)
        return fail(Code::io, fmt::format("cannot make a folder in {}", parent.string()),
                    std::error_code(errno, std::generic_category()));
    return RuntimeDir(pattern);
}

RuntimeDir::RuntimeDir(RuntimeDir&& other) noexcept : path_(std::exchange(other.path_, {})) {}

RuntimeDir::~RuntimeDir() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

}  // namespace sarai::engine
