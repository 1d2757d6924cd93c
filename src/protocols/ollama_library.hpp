// Ollama's API for bringing models: create, copy, delete and pull. Requests → values, progress → status lines, errors
// worded as Ollama words them.
//
// Pure. Whether a name is well-formed is not asked here: library/name.hpp knows.
#pragma once

#include <boost/json/object.hpp>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::protocols::ollama {

struct RecipeMessage {
    std::string role;  // system, user or assistant
    std::string content;
    bool operator==(const RecipeMessage&) const = default;
};

// What is said about a model beside its weights: by a request, by a Modelfile, by what the library keeps.
struct Recipe {
    std::string chat_template = {};
    std::string system = {};
    boost::json::object parameters = {};  // "num_ctx": 4096, "stop": ["</s>"]
    std::vector<std::string> licenses = {};
    std::vector<RecipeMessage> messages = {};
    bool operator==(const Recipe&) const = default;
};

struct CreateRequest {
    std::string model;
    std::string from = {};                                        // a model that is there already
    std::vector<std::pair<std::string, std::string>> files = {};  // name → digest
    std::string modelfile = {};  // of older clients, which say there what others say in fields
    Recipe recipe = {};
    bool stream = true;
};

struct CopyRequest {
    std::string source;
    std::string destination;
};

struct PullRequest {
    std::string model;
    bool insecure = false;
    bool stream = true;
};

[[nodiscard]] Result<CreateRequest> decode_create(std::string_view body);
[[nodiscard]] Result<CopyRequest> decode_copy(std::string_view body);
// The model's name.
[[nodiscard]] Result<std::string> decode_delete(std::string_view body);
[[nodiscard]] Result<PullRequest> decode_pull(std::string_view body);

// system, user or assistant.
[[nodiscard]] bool is_message_role(std::string_view role);

// What clients know how to show.
namespace status {
inline constexpr std::string_view parsing = "parsing GGUF";
inline constexpr std::string_view verifying_conversion = "verifying conversion";
inline constexpr std::string_view pulling_manifest = "pulling manifest";
inline constexpr std::string_view verifying_digest = "verifying sha256 digest";
inline constexpr std::string_view not_verified = "not verified: the source has no hash";
inline constexpr std::string_view writing_manifest = "writing manifest";
inline constexpr std::string_view success = "success";
[[nodiscard]] std::string new_layer(std::string_view digest);       // "creating new layer sha256:…"
[[nodiscard]] std::string existing_layer(std::string_view digest);  // "using existing layer sha256:…"
[[nodiscard]] std::string pulling(std::string_view file);  // "pulling 5f7db0967166" of a digest, else the name as it is
}  // namespace status

// One line of a stream. Without a digest it is a status alone; clients draw a bar for each digest.
struct Progress {
    std::string status;
    std::string digest = {};
    Bytes total = {};
    Bytes completed = {};
};

// {"status": "pulling 5f7db0967166", "digest": "sha256:…", "total": 100, "completed": 7}; zeros are left out.
[[nodiscard]] boost::json::object encode_progress(const Progress& progress);

}  // namespace sarai::protocols::ollama
