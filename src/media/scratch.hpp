// A private folder for one conversion's files: 0700, and what is written into it 0600; gone with its owner. Blocks on
// the disk, so it belongs to a thread beside the io thread.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"

namespace sarai::media {

class Scratch {
public:
    // In `parent`; empty: scratch_parent(). Error: io.
    [[nodiscard]] static Result<Scratch> create(const std::filesystem::path& parent);
    ~Scratch();
    Scratch(Scratch&& other) noexcept;
    Scratch& operator=(Scratch&&) = delete;

    [[nodiscard]] std::string path() const { return path_.string(); }
    [[nodiscard]] std::string file(std::string_view name) const { return (path_ / name).string(); }
    [[nodiscard]] Result<void> write(std::string_view name, std::string_view bytes) const;
    // Error: not_found where there is none, or an empty one; io.
    [[nodiscard]] Result<std::string> read(std::string_view name) const;
    // At most `most` bytes of it from `from` on; less where it ends. Errors: the same.
    [[nodiscard]] Result<std::string> read(std::string_view name, std::size_t from, std::size_t most) const;
    [[nodiscard]] std::size_t size(std::string_view name) const;  // 0 where there is none
    [[nodiscard]] std::vector<std::string> names() const;         // of its files, sorted

private:
    explicit Scratch(std::filesystem::path path) : path_(std::move(path)) {}
    std::filesystem::path path_;
};

}  // namespace sarai::media
