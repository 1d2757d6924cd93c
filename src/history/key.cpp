#include "history/key.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>

namespace sarai::history {
namespace {

// FNV-1a, 64 bits (RFC 9923): against accidents, not against forgers, who could only mislead themselves.
class Fnv {
public:
    void add(std::string_view bytes) {
        for (const char byte : bytes) {
            hash_ ^= static_cast<unsigned char>(byte);
            hash_ *= 0x100000001b3U;
        }
    }
    // With its length, so that "ab","c" and "a","bc" differ.
    void add_text(std::string_view text) { add(fmt::format("{}:{}\n", text.size(), text)); }
    [[nodiscard]] std::uint64_t value() const { return hash_; }

private:
    std::uint64_t hash_ = 0xcbf29ce484222325U;
};

std::int64_t modified_of(const struct stat& info) {
    return std::int64_t{info.st_mtim.tv_sec} * 1'000'000'000 + info.st_mtim.tv_nsec;
}

std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

std::string text_of(const FileIdentity& file) {
    return fmt::format("{}:{}:{:016x}", file.size, file.modified, file.header);
}

}  // namespace

std::optional<FileIdentity> identify_file(const std::filesystem::path& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);  // a pipe must not hold us
    if (file < 0) return std::nullopt;
    std::optional<FileIdentity> identity;
    struct stat info{};
    if (::fstat(file, &info) == 0 && S_ISREG(info.st_mode)) {
        std::string header(header_bytes, '\0');
        std::size_t filled = 0;
        ssize_t got = 0;
        while (filled < header.size() && (got = ::read(file, header.data() + filled, header.size() - filled)) > 0)
            filled += static_cast<std::size_t>(got);
        Fnv hash;
        hash.add(std::string_view(header).substr(0, filled));
        if (got >= 0) identity = {.size = info.st_size, .modified = modified_of(info), .header = hash.value()};
    }
    ::close(file);
    return identity;
}

Stamp stamp_file(const std::filesystem::path& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return {.path = path};
    return {.path = path, .size = info.st_size, .modified = modified_of(info)};
}

std::vector<Stamp> stamp_files(std::span<const std::filesystem::path> paths) {
    std::vector<Stamp> stamps;
    stamps.reserve(paths.size());
    for (const auto& path : paths) stamps.push_back(stamp_file(path));
    return stamps;
}

Surroundings look_around() {
    Surroundings found{.machine = {},
                       .processors = ::sysconf(_SC_NPROCESSORS_ONLN),
                       .library_path = variable("LD_LIBRARY_PATH"),
                       .backend_path = variable("GGML_BACKEND_PATH")};
    std::ifstream("/etc/machine-id") >> found.machine;
    if (found.machine.empty()) {
        std::array<char, 256> host{};
        if (::gethostname(host.data(), host.size() - 1) == 0) found.machine = host.data();
    }
    return found;
}

std::string build_key(std::vector<Stamp> stamps, const Surroundings& surroundings) {
    std::ranges::sort(stamps, {}, &Stamp::path);
    const auto repeated = std::ranges::unique(stamps);
    stamps.erase(repeated.begin(), repeated.end());
    Fnv hash;
    for (const auto& [path, size, modified] : stamps) {
        hash.add_text(path.string());
        hash.add_text(fmt::format("{} {}", size, modified));
    }
    const auto& [machine, processors, library_path, backend_path] = surroundings;
    hash.add_text(machine);
    hash.add_text(fmt::format("{}", processors));
    hash.add_text(library_path);
    hash.add_text(backend_path);
    return fmt::format("{:016x}", hash.value());
}

std::string plan_key(const memory::EngineShape& shape, const FileIdentity& model,
                     const std::optional<FileIdentity>& mmproj, std::string_view engine_build) {
    // Taken apart by name: a field that is added to the shape does not compile here until it is part of the key.
    const auto& [model_path, mmproj_path, context_length, parallel, batch, micro_batch, image_tokens, embedding,
                 whisper, rerank, prompt_cache, kv_cache_type, load_mode, checkpoints, nodes, split] = shape;
    const auto spread =
        nodes.empty() ? "" : fmt::format(" nodes={} split={}", fmt::join(nodes, ","), fmt::join(split, ","));
    return fmt::format(
        "v2 model={} mmproj={} context={} parallel={} batch={} micro_batch={} image_tokens={} embedding={}{} "
        "prompt_cache={} kv={} load={} checkpoints={}{} engine={}",
        text_of(model), mmproj_path && mmproj ? text_of(*mmproj) : "-", context_length, parallel, batch, micro_batch,
        mmproj_path ? image_tokens : 0, embedding ? 1 : 0,
        whisper  ? " whisper=1"
        : rerank ? " rerank=1"
                 : "",
        prompt_cache.count, kv_cache_type, memory::name_of(load_mode), checkpoints, spread, engine_build);
}

std::vector<std::filesystem::path> traced_libraries(std::string_view printed) {
    std::vector<std::filesystem::path> found;
    while (!printed.empty()) {
        const auto end = std::min(printed.find('\n'), printed.size());
        const auto line = printed.substr(0, end);
        printed.remove_prefix(std::min(end + 1, printed.size()));
        constexpr std::string_view arrow = " => /";
        const auto at = line.find(arrow);
        if (at == std::string_view::npos) continue;
        auto path = line.substr(at + arrow.size() - 1);
        path = path.substr(0, path.rfind(" (0x"));
        const auto name = path.substr(path.rfind('/') + 1);
        if (name.starts_with("libggml") || name.starts_with("libllama") || name.starts_with("libmtmd") ||
            name.starts_with("libwhisper"))
            found.emplace_back(path);
    }
    return found;
}

}  // namespace sarai::history
