// A folder that is removed at the end of a test, and what is in it.
#pragma once

#include <sys/resource.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <string>
#include <string_view>

#include "base/sha256.hpp"
#include "library/library.hpp"
#include "support/temp_folder.hpp"

namespace sarai::library::test {

class Folder {
public:
    // Where a library may be made; it is not there yet.
    [[nodiscard]] std::filesystem::path path() const { return own_.path() / "models"; }
    [[nodiscard]] std::filesystem::path blobs() const { return path() / "blobs"; }

    // Names of the files in a folder.
    static std::set<std::string> names(const std::filesystem::path& folder) {
        std::set<std::string> all;
        if (std::filesystem::exists(folder))
            for (const auto& entry : std::filesystem::directory_iterator(folder))
                all.insert(entry.path().filename().string());
        return all;
    }
    static std::string read(const std::filesystem::path& file) {
        std::ifstream in(file, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static void write(const std::filesystem::path& file, std::string_view text) {
        std::filesystem::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
    }

private:
    sarai::test::TempFolder own_;
};

// While it lives no file of this process gets longer: writing fails as on a full disk.
class FullDisk {
public:
    explicit FullDisk(rlim_t longest) : before_(std::signal(SIGXFSZ, SIG_IGN)) {
        (void)::getrlimit(RLIMIT_FSIZE, &usual_);
        rlimit tight = usual_;
        tight.rlim_cur = longest;
        (void)::setrlimit(RLIMIT_FSIZE, &tight);
    }
    ~FullDisk() {
        (void)::setrlimit(RLIMIT_FSIZE, &usual_);
        (void)std::signal(SIGXFSZ, before_);
    }
    FullDisk(const FullDisk&) = delete;
    FullDisk& operator=(const FullDisk&) = delete;

private:
    sighandler_t before_;
    rlimit usual_{};
};

inline std::string digest_of(std::string_view bytes) { return "sha256:" + sha256_hex(bytes); }
inline std::string blob_name(std::string_view bytes) { return "sha256-" + sha256_hex(bytes); }

// Puts a blob into a library; its digest.
inline std::string add_blob(const Library& library, std::string_view bytes) {
    auto writer = library.new_blob({});
    if (!writer || !writer->write(bytes)) return "";
    return writer->finish().value_or("");
}

}  // namespace sarai::library::test
