#include "config/file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace sarai::config {

std::expected<std::string, Problem> read_text(const std::filesystem::path& file) {
    constexpr std::size_t limit = std::size_t{1} << 20U;
    const auto refuse = [&](std::string value, std::string expected) {
        return std::unexpected(Problem{
            .path = printable(file.string(), 4096), .value = std::move(value), .expected = std::move(expected)});
    };
    const auto refuse_errno = [&] {
        if (errno == ENOENT) return refuse("no such file", "a YAML file");
        return refuse("cannot be read: " + std::generic_category().message(errno), "");
    };
    // Not waiting for a writer where it is a pipe that nobody writes to; whoever writes already is waited for.
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0) return refuse_errno();
    struct Closer {
        int fd;
        ~Closer() { ::close(fd); }
    } closer{fd};
    struct stat about{};
    if (::fstat(fd, &about) == 0 && S_ISDIR(about.st_mode)) return refuse("a directory", "a file");
    ::fcntl(fd, F_SETFL, O_RDONLY);
    std::string text;
    // Reads in pieces instead of trusting the size: pipes and devices have none.
    for (char piece[16384];;) {
        const auto count = ::read(fd, piece, sizeof piece);
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return refuse_errno();
        if (count == 0 && text.empty() && S_ISFIFO(about.st_mode))
            return refuse("a pipe that nobody writes to", "a file");
        if (count == 0) return text;
        text.append(piece, static_cast<std::size_t>(count));
        if (text.size() > limit) return refuse("too large", "at most 1024 KiB");
    }
}

}  // namespace sarai::config
