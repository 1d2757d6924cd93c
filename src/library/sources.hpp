// Where models can be pulled from, and what a name means there.
//
//     hf.co/ORG/REPO[:QUANT]    (or huggingface.co/…)  → a file of that repository
//     SOURCE/NAME[:TAG]         → {url}/NAME-TAG.gguf of the source of that name; without a tag {url}/NAME.gguf comes
//                                 first. Its hash is taken from the file's name with ".sha256" after it, if there is
//                                 one.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "library/fetch.hpp"
#include "library/name.hpp"

namespace sarai::library {

struct Source {
    std::string name;  // what a model's namespace can be: no dots
    std::string url;   // of a folder
    bool operator==(const Source&) const = default;
};

struct Sources {
    std::vector<Source> sources;
    std::string hugging_face = "https://huggingface.co";
    bool operator==(const Sources&) const = default;
};

// A file to download.
struct RemoteFile {
    std::string url;
    std::optional<std::string> digest = {};  // that it must have
    std::optional<Bytes> size = {};          // that it must have
};

struct Located {
    RemoteFile model;
    std::optional<RemoteFile> mmproj = {};
};

// Asks the servers. Errors: not_found with what was tried, denied_upstream, and whatever befalls a connection.
[[nodiscard]] asio::awaitable<Result<Located>> locate(Name name, Sources sources, Patience patience);

// The hash in what sha256sum prints: the first word.
[[nodiscard]] std::optional<std::string> digest_in_sum(std::string_view text);

}  // namespace sarai::library
