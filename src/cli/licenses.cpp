#include "cli/licenses.hpp"

#include <fmt/format.h>

#include <array>
#include <iterator>

namespace sarai::cli {
namespace {

constexpr auto table = std::to_array<Component>({
    {"llama.cpp", "MIT", "libllama"},
    {"whisper.cpp", "MIT", "libwhisper"},
    {"llama.cpp's multimodal part", "MIT", "libmtmd"},
    {"ggml", "MIT", "libggml"},
    {"Boost", "BSL-1.0", "libboost_"},
    {"CLI11", "BSD-3-Clause", ""},
    {"fmt", "MIT", "libfmt"},
    {"FTXUI", "MIT", "libftxui"},
    {"hnswlib", "Apache-2.0", ""},
    {"inja", "MIT", ""},
    {"JSON for Modern C++", "MIT", ""},
    {"lexbor", "Apache-2.0", "liblexbor"},
    {"libedit", "BSD-3-Clause", "libedit"},
    {"libpq", "PostgreSQL", "libpq"},
    {"OpenSSL", "Apache-2.0", "libssl"},
    {"OpenSSL", "Apache-2.0", "libcrypto"},
    {"prometheus-cpp", "MIT", "libprometheus-cpp"},
    {"spdlog", "MIT", "libspdlog"},
    {"SQLite", "blessing", "libsqlite3"},
    {"yaml-cpp", "MIT", "libyaml-cpp"},
    {"GCC's libraries", "GPL-3.0-or-later WITH GCC-exception-3.1", "libstdc++"},
    {"GCC's libraries", "GPL-3.0-or-later WITH GCC-exception-3.1", "libgcc_s"},
    {"GNU C library", "LGPL-2.1-or-later", "libc."},
    {"GNU C library", "LGPL-2.1-or-later", "libm."},
    // The page, see web/package.json.
    {"dompurify", "Apache-2.0 OR MPL-2.0", ""},
    {"highlight.js", "BSD-3-Clause", ""},
    {"marked", "MIT", ""},
    {"preact", "MIT", ""},
    {"@preact/signals", "MIT", ""},
});

}  // namespace

std::span<const Component> components() { return table; }

std::string licenses_text() {
    std::string text = "sarai is under Apache-2.0. It is made with:\n\n";
    for (const auto& one : table)
        fmt::format_to(std::back_inserter(text), "  {:<28} {:<42} {}\n", one.name, one.license,
                       one.library.empty() ? "compiled in" : one.library);
    text +=
        "\nPackages that carry libraries carry their full notices too, those of libraries of libraries among them:\n"
        "share/doc/sarai/licenses in the folder of the package.\n";
    return text;
}

}  // namespace sarai::cli
