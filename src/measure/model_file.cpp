#include "model_file.hpp"

#include <system_error>

#include <fmt/format.h>

namespace sarai::measure {

Result<Bytes> size_of_file(const std::filesystem::path& path) {
    std::error_code cause;
    const auto status = std::filesystem::status(path, cause);
    if (status.type() == std::filesystem::file_type::not_found) {
        return fail(Code::not_found, fmt::format("there is no file {}", path.string()));
    }
    if (cause) return fail(Code::io, fmt::format("cannot read {}", path.string()), cause);
    if (!std::filesystem::is_regular_file(status)) {
        return fail(Code::invalid_argument, fmt::format("{} is not a file", path.string()));
    }
    const auto size = std::filesystem::file_size(path, cause);
    if (cause) return fail(Code::io, fmt::format("cannot read {}", path.string()), cause);
    if (size == 0) return fail(Code::corrupt_file, fmt::format("{} is empty", path.string()), "Download it again.");
    return Bytes{static_cast<std::int64_t>(size)};
}

}  // namespace sarai::measure
