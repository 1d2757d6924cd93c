// Feeds files to a fuzz target without libFuzzer: fuzz_replay TARGET FILE-or-FOLDER… A folder that is not there is
// passed over, but at least one file must be found.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <span>
#include <string>
#include <vector>

#include "target.hpp"

namespace {

std::vector<std::filesystem::path> files_in(std::span<char*> given) {
    std::vector<std::filesystem::path> files;
    for (const std::filesystem::path path : given) {
        if (std::filesystem::is_regular_file(path)) files.push_back(path);
        if (!std::filesystem::is_directory(path)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(path))
            if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
    return files;
}

}  // namespace

int main(int argc, char** argv) {
    const std::span arguments(argv, static_cast<std::size_t>(argc));
    const auto* target = argc > 1 ? sarai::fuzz::Target::find(arguments[1]) : nullptr;
    if (target == nullptr) {
        std::fprintf(stderr,
                     "usage: fuzz_replay TARGET FILE-or-FOLDER…\nTARGET is the name of a file of fuzz/targets\n");
        return 2;
    }
    const auto files = files_in(arguments.subspan(2));
    if (files.empty()) {
        std::fprintf(stderr, "nothing to feed: name files, or folders that hold some\n");
        return 1;
    }
    for (const auto& file : files) {
        std::printf("%s\n", file.c_str());  // before it runs: it may be the last
        std::fflush(stdout);
        std::ifstream stream(file, std::ios::binary);
        // Exactly as many bytes as the file has, so that a sanitizer sees a step beyond.
        const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
        const std::vector<std::uint8_t> input(bytes.begin(), bytes.end());
        target->run(input.data(), input.size());
    }
}
