// A log that shows if somebody has changed it: each line has the SHA-256 of the line before.
//
// A line is a JSON object: {"n": 7, "time": "2026-11-26T22:40:01Z", "prev": "<hash of line 6>", …}. Lines are appended
// and synced; one that a crash has cut off is ended and stays, marked as broken by the next one. Whoever keeps the last
// hash elsewhere can also tell that lines at the end are missing.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/error.hpp"

namespace sarai::web {

class AuditLog {
public:
    // Makes the file (mode 0600) or goes on where it ends. Errors: io; corrupt_file for one that does not
    // begin as such a log does.
    [[nodiscard]] static Result<AuditLog> open(const std::filesystem::path& path);
    AuditLog(AuditLog&& other) noexcept;
    AuditLog& operator=(AuditLog&& other) noexcept;
    ~AuditLog();

    // Whether what is written goes to the file that has this name now.
    [[nodiscard]] bool is_at(const std::filesystem::path& path) const;
    // Blocks until it is on the disk. Errors: io.
    [[nodiscard]] Result<void> add(boost::json::object entry);

private:
    AuditLog(int file, std::int64_t lines, std::string last) : file_(file), lines_(lines), last_(std::move(last)) {}
    int file_ = -1;
    std::int64_t lines_ = 0;
    std::string last_;  // hash of the last line
};

struct AuditReport {
    std::int64_t lines = 0;
    std::string last;            // hash of the last line
    std::int64_t broken_at = 0;  // the first line that does not follow from the one before; 0: none
    std::string why;
};
// Errors: io.
[[nodiscard]] Result<AuditReport> verify_audit_log(const std::filesystem::path& path);

}  // namespace sarai::web
