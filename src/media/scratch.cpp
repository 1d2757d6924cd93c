#include "media/scratch.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <utility>

#include "media/scratch_dir.hpp"

namespace sarai::media {
namespace fs = std::filesystem;
namespace {

std::unexpected<Error> refused(std::string_view what, const std::string& path) {
    return fail(Code::io, fmt::format("cannot {} {}", what, path), last_error());
}

}  // namespace

Result<Scratch> Scratch::create(const fs::path& parent) {
    const auto folder = parent.empty() ? scratch_parent() : parent;
    auto pattern = (folder / "media-XXXXXX").string();
    const auto name = pattern;
    if (::mkdtemp(pattern.data()) == nullptr) {
        // Who tidies up may have taken the server's folder away.
        if (errno != ENOENT || (::mkdir(folder.c_str(), S_IRWXU) != 0 && errno != EEXIST))
            return refused("make the folder", pattern);
        pattern = name;
        if (::mkdtemp(pattern.data()) == nullptr) return refused("make the folder", pattern);
    }
    return Scratch(pattern);
}

Scratch::Scratch(Scratch&& other) noexcept : path_(std::exchange(other.path_, {})) {}

Scratch::~Scratch() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
}

Result<void> Scratch::write(std::string_view name, std::string_view bytes) const {
    const auto path = file(name);
    const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (descriptor < 0) return refused("write", path);
    while (!bytes.empty()) {
        const auto written = ::write(descriptor, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) {
            const auto error = refused("write", path);
            ::close(descriptor);
            return error;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    ::close(descriptor);
    return {};
}

Result<std::string> Scratch::read(std::string_view name) const {
    std::ifstream stream(file(name), std::ios::binary);
    std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    if (bytes.empty()) return fail(Code::not_found, fmt::format("{} is not there", name));
    return bytes;
}

Result<std::string> Scratch::read(std::string_view name, std::size_t from, std::size_t most) const {
    std::ifstream stream(file(name), std::ios::binary);
    std::string bytes(most, '\0');
    stream.seekg(static_cast<std::streamoff>(from));
    stream.read(bytes.data(), static_cast<std::streamsize>(most));
    bytes.resize(static_cast<std::size_t>(std::max<std::streamsize>(0, stream.gcount())));
    if (bytes.empty()) return fail(Code::not_found, fmt::format("{} is not there", name));
    return bytes;
}

std::size_t Scratch::size(std::string_view name) const {
    std::error_code ignored;
    const auto size = fs::file_size(file(name), ignored);
    return ignored ? 0 : size;
}

std::vector<std::string> Scratch::names() const {
    std::vector<std::string> all;
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator(path_, ignored)) all.push_back(entry.path().filename().string());
    std::ranges::sort(all);
    return all;
}

}  // namespace sarai::media
