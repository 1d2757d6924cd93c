#include "app/output_file.hpp"

#include <fmt/format.h>

#include "base/replace_file.hpp"

namespace sarai::app {

namespace fs = std::filesystem;

Result<void> may_write(const fs::path& file, bool force) {
    std::error_code ignored;
    if (force || !fs::exists(fs::symlink_status(file, ignored))) return {};
    return fail(Code::invalid_argument, fmt::format("{} exists", file.string()), "--force writes over it.");
}

Result<void> write_output(const fs::path& file, const std::string& text, bool force) {
    if (auto may = may_write(file, force); !may) return may;
    return replace_file(file, text);
}

}  // namespace sarai::app
