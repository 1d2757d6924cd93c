// What the library knows of a model: which blobs it is made of and what was said about it, as JSON in a file. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "protocols/ollama_library.hpp"
#include "protocols/ollama_server.hpp"

namespace sarai::library {

using protocols::ollama::Moment;
using protocols::ollama::Recipe;

struct Manifest {
    std::string name;  // as Name::text() gives it
    Moment created_at = {};
    std::string model;                       // digest of its GGUF file; empty: it has none, see `base`
    std::optional<std::string> mmproj = {};  // digest of its multimodal projector
    std::string base = {};                   // the model of the configuration that it is a variant of
    Recipe recipe = {};
    std::string source = {};           // the URL that it was pulled from; empty: a client brought it
    boost::json::object details = {};  // of its file; whoever puts it here knows what they mean
    bool operator==(const Manifest&) const = default;
};

[[nodiscard]] std::string encode_manifest(const Manifest& manifest);

// Errors say what of it is wrong.
[[nodiscard]] Result<Manifest> decode_manifest(std::string_view text);

}  // namespace sarai::library
