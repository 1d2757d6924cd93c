// One thing that is wrong with a configuration: where it stands, what stands there, what should.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::config {

struct Problem {
    std::string path;      // "models.solar.endpoints[0].url", "environment SARAI_MEMORY_POLICY"; empty: the whole file
    int line = 0;          // 1-based; 0: not in the file
    int column = 0;        // 1-based; 0: unknown
    std::string value;     // what stands there, fit to be printed: "\"many\"", "a list", "missing"
    std::string expected;  // completes "expected …"; may be empty
    std::string suggestion = {};  // completes "did you mean …?"; may be empty

    bool operator==(const Problem&) const = default;
};

// "line 4, column 3: memory.polcy: unknown key; did you mean policy?"
[[nodiscard]] std::string to_string(const Problem& problem);
// One problem a line, each behind the file's name: "FILE:4:3: …", which editors can jump to.
[[nodiscard]] std::string report(std::string_view file, std::span<const Problem> problems);

// Control characters and bytes outside UTF-8 escaped, cut after `limit` bytes: what hostile text may do to a terminal.
[[nodiscard]] std::string printable(std::string_view text, std::size_t limit = 80);
[[nodiscard]] std::string in_quotes(std::string_view text);

}  // namespace sarai::config
