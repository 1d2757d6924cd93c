// Feeds files to a fuzz target without libFuzzer: fuzz_NAME FILE-or-FOLDER… A folder that is not there is passed over,
// but at least one file must be found.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> files;
    for (int i = 1; i < argc; ++i) {
        const std::filesystem::path given = argv[i];
        if (std::filesystem::is_regular_file(given)) files.push_back(given);
        if (!std::filesystem::is_directory(given)) continue;
        for (const auto& entry : std::filesystem::directory_iterator(given))
            if (entry.is_regular_file()) files.push_back(entry.path());
    }
    std::ranges::sort(files);
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
        (void)LLVMFuzzerTestOneInput(input.data(), input.size());
    }
}
