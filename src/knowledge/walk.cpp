#include "knowledge/walk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <set>
#include <utility>

#include "base/utf8.hpp"
#include "knowledge/encoding.hpp"
#include "knowledge/extract.hpp"

namespace sarai::knowledge {
namespace fs = std::filesystem;

namespace {

class Walker {
public:
    Walker(const WalkLimits& limits, const std::stop_token& stop) : limits_(limits), stop_(stop) {}

    Result<Walk> walk(std::span<const fs::path> paths) {
        for (const auto& path : paths) {
            std::error_code failed;
            const auto root = fs::canonical(path, failed);
            if (failed)
                return fail(failed == std::errc::no_such_file_or_directory ? Code::not_found : Code::io,
                            fmt::format("cannot read {}", path.string()), failed);
            found_.roots.push_back(root);
            if (fs::is_directory(root, failed)) {
                folder(root);
            } else {
                file(root);
            }
            if (stop_.stop_requested()) return fail(Code::cancelled, "stopped");
            if (too_many_)
                return fail(Code::too_large, fmt::format("there are more than {} files to read", limits_.files),
                            "Name the folders that matter.");
        }
        std::ranges::sort(found_.files, {}, &FoundFile::path);
        std::ranges::sort(found_.skipped, {}, &Skipped::path);
        return std::move(found_);
    }

private:
    void skip(const fs::path& path, std::string reason, bool unreadable = false) {
        found_.skipped.push_back({path, std::move(reason), unreadable});
    }

    [[nodiscard]] bool over() const { return too_many_ || stop_.stop_requested(); }

    // Depth costs no stack. Links are never followed below a root, so there are no circles.
    void folder(const fs::path& root) {
        std::vector<fs::path> waiting{root};
        while (!waiting.empty() && !over()) {
            const auto here = std::move(waiting.back());
            waiting.pop_back();
            if (!seen_.insert(here).second) continue;  // below two of the roots
            std::error_code failed;
            fs::directory_iterator entries(here, failed);
            for (; !failed && entries != fs::directory_iterator() && !over(); entries.increment(failed))
                entry(*entries, waiting);
            if (failed) skip(here, "cannot be read: " + failed.message(), true);
        }
    }

    void entry(const fs::directory_entry& entry, std::vector<fs::path>& waiting) {
        const auto name = entry.path().filename().string();
        std::error_code failed;
        const auto status = entry.symlink_status(failed);
        if (failed) return skip(entry.path(), "cannot be read: " + failed.message(), true);
        if (name.starts_with('.')) return skip(entry.path(), "hidden");
        if (fs::is_symlink(status)) return skip(entry.path(), "a link");
        if (fs::is_directory(status)) {
            if (name == "node_modules") return skip(entry.path(), "installed packages");
            waiting.push_back(entry.path());
        } else if (fs::is_regular_file(status)) {
            file(entry.path());
        } else {
            skip(entry.path(), "no file");
        }
    }

    void file(const fs::path& path) {
        if (!seen_.insert(path).second) return;
        if (const auto name = path.string(); valid_utf8(name) != name)
            return skip(valid_utf8(name), "its name is no UTF-8");
        std::error_code failed;
        if (!fs::is_regular_file(path, failed)) return skip(path, "no file");
        const auto size = fs::file_size(path, failed);
        if (failed) return skip(path, "cannot be read: " + failed.message(), true);
        const Bytes bytes{static_cast<std::int64_t>(size)};
        if (size == 0) return skip(path, "empty");
        if (bytes > limits_.file)
            return skip(path, fmt::format("{}, at most {} are read", to_string(bytes), to_string(limits_.file)));
        const auto format = format_of(path);
        if (!format) return skip(path, "binary");
        std::ifstream in(path, std::ios::binary);
        std::string head(8192, '\0');
        in.read(head.data(), static_cast<std::streamsize>(head.size()));
        if (!in.is_open() || in.bad()) return skip(path, "cannot be read", true);
        head.resize(static_cast<std::size_t>(in.gcount()));
        if (*format != Format::pdf && !head.starts_with("%PDF-") && looks_binary(head)) return skip(path, "binary");
        if (found_.files.size() == limits_.files) {
            too_many_ = true;
            return;
        }
        found_.files.push_back({path, *format, bytes});
    }

    const WalkLimits& limits_;
    const std::stop_token& stop_;
    Walk found_;
    std::set<fs::path> seen_;
    bool too_many_ = false;
};

}  // namespace

Result<Walk> walk(std::span<const fs::path> paths, const WalkLimits& limits, const std::stop_token& stop) {
    return Walker(limits, stop).walk(paths);
}

}  // namespace sarai::knowledge
