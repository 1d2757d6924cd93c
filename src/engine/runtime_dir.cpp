#include "engine/runtime_dir.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

namespace sarai::engine {
namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "sarai-run";
constexpr std::size_t longest_socket = 107;  // bytes: sockaddr_un::sun_path less its end, see unix(7)
// What comes behind the parent: the folder with its six random characters, and a socket's name of at most 20 bytes.
constexpr std::size_t below = std::string_view("/sarai-run.XXXXXX").size() + 20;

}  // namespace

fs::path runtime_parent(const fs::path& configured) {
    if (!configured.empty()) return configured;
    std::error_code ignored;
    const char* runtime = std::getenv("XDG_RUNTIME_DIR");
    if (runtime != nullptr && fs::is_directory(runtime, ignored)) return runtime;
    return fs::temp_directory_path(ignored);
}

Result<void> check_runtime_parent(const fs::path& parent) {
    if (parent.string().size() + below <= longest_socket) return {};
    return fail(
        Code::invalid_argument,
        fmt::format("the folder {} is too deep for a unix socket's path ({} bytes)", parent.string(), longest_socket),
        "Set engine.runtime_dir to a shorter one.");
}

Result<PrivateDir> make_runtime_dir(const fs::path& configured) {
    const auto parent = runtime_parent(configured);
    if (auto fits = check_runtime_parent(parent); !fits) return std::unexpected(fits.error());
    return PrivateDir::create(parent, prefix);
}

}  // namespace sarai::engine
