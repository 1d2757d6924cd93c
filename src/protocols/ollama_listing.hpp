// Ollama's descriptions of models: /api/tags, /api/ps, /api/show and /api/version, from plain values.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "protocols/ollama_server.hpp"

namespace sarai::protocols::ollama {

struct Details {
    std::string format = "gguf";
    std::string family;              // "llama"
    std::string parameter_size;      // "10.7B"
    std::string quantization_level;  // "Q4_K_M"
    bool has_projector = false;      // listed as a second family, "clip"
};

// Where a model runs that is not here; both empty: it is.
struct Elsewhere {
    std::string model = {};  // its name there
    std::string host = {};   // "http://lan-box:11434"
};

// A model that can be asked for.
struct ModelInfo {
    std::string name;
    Moment modified_at;
    Bytes size;          // of its file
    std::string digest;  // hexadecimal SHA-256
    Details details;
    std::optional<int> context_length = {};      // tokens
    std::optional<int> embedding_length = {};    // width of its vectors
    std::vector<std::string> capabilities = {};  // "completion", "embedding", "vision", "tools"
    Elsewhere elsewhere = {};
};

// A model that is in memory.
struct RunningModel {
    std::string name;
    Bytes size;  // memory that it takes
    std::string digest;
    Details details;
    std::optional<Moment> expires_at = {};  // absent: stays loaded
    Bytes size_vram = {};
    int context_length = 0;  // tokens
};

// Facts about one model; absent ones are left out.
struct ModelDescription {
    std::string modelfile = {};
    std::string parameters = {};  // as parameter_line() writes them, one a line
    std::string chat_template = {};
    std::string system = {};
    std::string license = {};
    Details details;
    boost::json::object model_info = {};      // GGUF metadata: "llama.context_length": 4096 …
    boost::json::object projector_info = {};  // likewise
    boost::json::array tensors = {};
    std::vector<std::string> capabilities = {};
    Moment modified_at;
    Elsewhere elsewhere = {};
};

// How many values a model has, in three digits or so: "10.7B", "1.71M", "268K".
[[nodiscard]] std::string parameter_size(std::int64_t count);
// "num_ctx                        4096"
[[nodiscard]] std::string parameter_line(std::string_view name, std::string_view value);

[[nodiscard]] boost::json::object encode_tags(std::span<const ModelInfo> models);
[[nodiscard]] boost::json::object encode_ps(std::span<const RunningModel> models);
[[nodiscard]] boost::json::object encode_show(const ModelDescription& description);
// Of the server whose API this is (docs/compatibility.md). Clients compare it with what they need of Ollama.
constexpr std::string_view spoken_version = "0.33.0";
[[nodiscard]] boost::json::object encode_version(std::string_view version);

}  // namespace sarai::protocols::ollama
