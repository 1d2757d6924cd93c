#include "web/audit_log.hpp"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <boost/json/serialize.hpp>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <utility>

#include "base/sha256.hpp"
#include "protocols/json.hpp"

namespace sarai::web {
namespace {

namespace json = boost::json;

// Of the line before the first one.
const std::string beginning(Sha256::hex_length, '0');
// Each log starts so; what has another start is somebody's file.
constexpr std::string_view first_bytes = R"({"n":1,)";
constexpr std::size_t longest_line = std::size_t{1} << 20;

std::unexpected<Error> io_error(const std::filesystem::path& path) {
    return fail(Code::io, fmt::format("cannot write the audit log {}", path.string()), last_error());
}

struct Link {
    std::int64_t number = 0;
    std::string prev;
};
std::optional<Link> read_link(std::string_view line) {
    const auto parsed = protocols::parse_json(line);
    if (!parsed || !parsed->is_object()) return std::nullopt;
    const auto& entry = parsed->get_object();
    const auto number = protocols::integer_at(entry, "n");
    Link link{.number = number.value_or(0), .prev = std::string(protocols::string_at(entry, "prev"))};
    if (link.number < 1 || !is_sha256_hex(link.prev)) return std::nullopt;
    return link;
}

bool write_all(int file, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(file, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

}  // namespace

Result<AuditReport> verify_audit_log(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail(Code::io, fmt::format("cannot read {}", path.string()), last_error());
    AuditReport report{.last = beginning};
    const auto broken = [&](std::string why) {
        if (report.broken_at == 0) {
            report.broken_at = report.lines;
            report.why = std::move(why);
        }
    };
    for (std::string line; std::getline(file, line);) {
        ++report.lines;
        const auto link = read_link(line);
        if (!link)
            broken(file.eof() ? "the line is cut off" : "the line is none of an audit log");
        else if (link->number != report.lines)
            broken(fmt::format("its number is {}", link->number));
        else if (link->prev != report.last)
            broken("it does not follow from the line before");
        else if (file.eof())
            broken("the line is cut off");
        report.last = sha256_hex(line);
    }
    if (file.bad()) return fail(Code::io, fmt::format("cannot read {}", path.string()), last_error());
    return report;
}

Result<AuditLog> AuditLog::open(const std::filesystem::path& path) {
    std::error_code ignored;
    if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path(), ignored);
    const int file = ::open(path.c_str(), O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return io_error(path);
    AuditLog log(file, 0, beginning);
    if (::flock(file, LOCK_EX | LOCK_NB) != 0)
        return fail(Code::io, fmt::format("the audit log {} belongs to another sarai", path.string()), last_error());
    std::array<char, first_bytes.size()> start;
    const auto got = ::pread(file, start.data(), start.size(), 0);
    if (got < 0) return io_error(path);
    if (!first_bytes.starts_with(std::string_view(start.data(), static_cast<std::size_t>(got))))
        return fail(Code::corrupt_file, fmt::format("{} is no audit log", path.string()),
                    "Name another file in web.audit_log, or move this one away.");
    auto there = verify_audit_log(path);
    if (!there) return std::unexpected(there.error());
    log.lines_ = there->lines;
    log.last_ = std::move(there->last);
    char end = '\n';
    if (const auto size = ::lseek(file, 0, SEEK_END); size > 0 && ::pread(file, &end, 1, size - 1) != 1)
        return io_error(path);
    if (end != '\n' && !write_all(file, "\n")) return io_error(path);
    return log;
}

AuditLog::AuditLog(AuditLog&& other) noexcept
    : file_(std::exchange(other.file_, -1)), lines_(other.lines_), last_(std::move(other.last_)) {}
AuditLog& AuditLog::operator=(AuditLog&& other) noexcept {
    std::swap(file_, other.file_);
    lines_ = other.lines_;
    std::swap(last_, other.last_);
    return *this;
}
bool AuditLog::is_at(const std::filesystem::path& path) const {
    struct stat mine{};
    struct stat named{};
    return ::fstat(file_, &mine) == 0 && ::stat(path.c_str(), &named) == 0 && mine.st_ino == named.st_ino &&
           mine.st_dev == named.st_dev;
}
AuditLog::~AuditLog() {
    if (file_ >= 0) ::close(file_);
}

Result<void> AuditLog::add(json::object entry) {
    json::object line{
        {"n", lines_ + 1},
        {"time", fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()))},
        {"prev", last_}};
    for (auto& [key, value] : entry) line.insert_or_assign(key, std::move(value));
    auto text = json::serialize(line);
    if (text.size() > longest_line)
        return fail(Code::too_large, fmt::format("an entry of the audit log has {} bytes", text.size()));
    auto hash = sha256_hex(text);
    const auto before = ::lseek(file_, 0, SEEK_END);
    if (!write_all(file_, text + "\n") || ::fdatasync(file_) != 0) {
        const std::error_code cause(errno, std::generic_category());
        if (before >= 0) (void)::ftruncate(file_, before);  // no half line on a full disk
        return fail(Code::io, "cannot write the audit log", cause);
    }
    ++lines_;
    last_ = std::move(hash);
    return {};
}

}  // namespace sarai::web
