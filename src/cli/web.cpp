#include "cli/web.hpp"

#include <fmt/format.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "cli/configuration.hpp"
#include "config/problem.hpp"
#include "web/audit_log.hpp"

namespace sarai::cli {
namespace {

Result<std::string> audit_file(const AuditOptions& options, const Io& io) {
    if (!options.file.empty()) return options.file;
    const auto found = find_config(options.config, io.environment);
    if (!found)
        return fail(Code::not_found, "there is no configuration that names the log", "Give the file, or --config.");
    const auto config = load_config(*found, io.environment);
    if (!config) return std::unexpected(config.error());
    if (config->web.audit_log.empty())
        return fail(Code::not_found, fmt::format("{} keeps no log (web.audit_log)", found->string()));
    return config->web.audit_log.string();
}

}  // namespace

int verify_audit(const AuditOptions& options, Io& io) {
    const auto file = audit_file(options, io);
    if (!file) return fail_with(io, file.error());
    const auto report = web::verify_audit_log(*file);
    if (!report) return fail_with(io, report.error());
    const bool whole = report->broken_at == 0;
    if (options.json)
        io.out << boost::json::serialize(boost::json::object{{"file", *file},
                                                             {"lines", report->lines},
                                                             {"whole", whole},
                                                             {"broken_at", report->broken_at},
                                                             {"why", report->why},
                                                             {"last", report->last}})
               << "\n";
    else if (whole)
        io.out << fmt::format("{}: {} lines, each follows from the one before\nlast line: {}\n",
                              config::printable(*file, 400), report->lines, report->last);
    else
        io.out << fmt::format("{}: broken at line {}: {}\n", config::printable(*file, 400), report->broken_at,
                              report->why);
    return whole ? 0 : 1;
}

}  // namespace sarai::cli
