#include "library/room.hpp"

#include <fmt/format.h>
#include <sys/statvfs.h>

#include <cerrno>

namespace sarai::library {

Result<Bytes> free_space_of(const std::filesystem::path& folder) {
    struct statvfs disk{};
    if (::statvfs(folder.c_str(), &disk) != 0)
        return fail(Code::io, fmt::format("cannot tell how much room {} has", folder.string()), last_error());
    return Bytes{static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize)};
}

Result<void> Room::check(Bytes needed) const {
    const auto free = free_space(folder);
    if (!free) return std::unexpected(free.error());
    if (needed <= *free - reserve) return {};  // as it stands: what a client says it needs may be any number
    return fail(Code::io,
                fmt::format("not enough disk space: {} are needed{}, {} has {} free", to_string(needed),
                            reserve.count > 0 ? fmt::format(" and {} kept in reserve", to_string(reserve)) : "",
                            folder.string(), to_string(*free)),
                "Delete models that are not needed, or choose a smaller one.");
}

}  // namespace sarai::library
