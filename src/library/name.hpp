// A model's name as Ollama writes it: [host/][namespace/]model[:tag].
//
// The host "registry.ollama.ai", its namespace "library" and the tag "latest" are implied, and case does not tell names
// apart. Pure.
#pragma once

#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::library {

struct Name {
    std::string host;   // "hf.co", "lan-box:5000"; empty: the implied one
    std::string space;  // the namespace; empty: the implied one
    std::string model;
    std::string tag;  // never empty

    // A scheme before it (http://, https://) is dropped. Error: "invalid model name", whatever is wrong.
    [[nodiscard]] static Result<Name> parse(std::string_view text);

    [[nodiscard]] std::string text() const;  // "hf.co/org/repo:q4_k_m"; always with the tag
    [[nodiscard]] std::string key() const;   // the same for all names of one model
};

[[nodiscard]] std::string lower(std::string_view text);
[[nodiscard]] bool same(std::string_view a, std::string_view b);  // but for case

// "sha256:<64 hexadecimal digits>" of what a client wrote; "-" may stand for ":". Error: "invalid digest format".
[[nodiscard]] Result<std::string> parse_digest(std::string_view text);

}  // namespace sarai::library
