// `sarai web verify`: has somebody changed the log of what was searched?
#pragma once

#include <string>

#include "cli/io.hpp"

namespace sarai::cli {

// `file` empty: the configuration's web.audit_log. Returns the exit status: 1 where a line does not follow from the one
// before.
struct AuditOptions {
    std::string file;
    std::string config;
    bool json = false;
};
[[nodiscard]] int verify_audit(const AuditOptions& options, Io& io);

}  // namespace sarai::cli
