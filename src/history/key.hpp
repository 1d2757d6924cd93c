// Under what a plan and what was learned of it are kept: the files' identities, every field of the shape, the engine's
// build. What is equal under a key takes the same memory; anything that may change that changes the key.
//
// The keys are made by pure functions; what reads the disk is named identify_ or stamp_ and takes well
// under a millisecond where the file's first page is in the page cache.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "memory/plan.hpp"

namespace sarai::history {

// A model file, wherever it lies: moved or renamed, it is the same.
//
// Size and time of writing already tell nearly all files apart. The hash is for a file that was replaced by one of the
// same size and time (an archive or a mirror sets both). It covers the first 64 KiB: a GGUF's header begins with the
// metadata that decides its memory (architecture, layers, heads, context), before the tokenizer's megabytes; what lies
// behind differs in size as well, or does not matter to a plan. One read, 0.05 ms.
struct FileIdentity {
    std::int64_t size = 0;      // bytes
    std::int64_t modified = 0;  // ns since the epoch
    std::uint64_t header = 0;   // FNV-1a of the first header_bytes
    bool operator==(const FileIdentity&) const = default;
};
inline constexpr std::size_t header_bytes = std::size_t{64} << 10;

// nullopt for what cannot be read.
[[nodiscard]] std::optional<FileIdentity> identify_file(const std::filesystem::path& path);

// A program or library where it lies. `size` is −1 for one that is not there.
struct Stamp {
    std::filesystem::path path;
    std::int64_t size = -1;
    std::int64_t modified = 0;  // ns since the epoch
    bool operator==(const Stamp&) const = default;
};
[[nodiscard]] Stamp stamp_file(const std::filesystem::path& path);  // follows links
[[nodiscard]] std::vector<Stamp> stamp_files(std::span<const std::filesystem::path> paths);

// What besides the files decides how an engine behaves: where the loader looks for libraries, and the machine, whose
// processor decides which backend and which repacked formats are used (a home folder may be shared by several).
struct Surroundings {
    std::string machine;            // /etc/machine-id, else the host's name
    std::int64_t processors = 0;    // online
    std::string library_path = {};  // LD_LIBRARY_PATH
    std::string backend_path = {};  // GGML_BACKEND_PATH
};
[[nodiscard]] Surroundings look_around();

// 16 hexadecimal digits. Of the programs alone it names the list of libraries that they were seen to load
// (Store::libraries); of programs and libraries it names the build. The order of the stamps does not matter.
[[nodiscard]] std::string build_key(std::vector<Stamp> stamps, const Surroundings& surroundings);

// Readable, so that one can see why two differ: "v1 model=5034240:1700…:9f… context=2048 … engine=…".
[[nodiscard]] std::string plan_key(const memory::EngineShape& shape, const FileIdentity& model,
                                   const std::optional<FileIdentity>& mmproj, std::string_view engine_build);

// The libraries in what the loader prints for a program ("libx.so => /lib/libx.so (0x…)") that are the engine's: an
// updated C library does not make another engine.
[[nodiscard]] std::vector<std::filesystem::path> traced_libraries(std::string_view printed);

}  // namespace sarai::history
