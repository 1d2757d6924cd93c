// Asks the engine's own allocator what a model will take: everything is planned, nothing is allocated, no weight is
// read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::measure {

// See memory::EngineShape, of which this is the command line's form.
struct Question {
    std::filesystem::path model;
    std::optional<std::filesystem::path> mmproj;
    std::uint32_t context = 2048;
    std::uint32_t parallel = 1;
    std::uint32_t batch = 256;
    std::uint32_t micro_batch = 256;
    std::uint32_t image_tokens = 512;  // the most that one image becomes; its encoder's memory grows with the square
    std::uint32_t checkpoints = 8;     // context checkpoints per slot
    std::string kv_type = "f16";       // of the KV cache
    std::string load_mode = "copy";    // see memory::LoadMode
    bool embedding = false;
    bool rerank = false;
    Bytes prompt_cache;
    std::vector<std::string> nodes;  // host:port of the ggml-rpc-servers that hold the layers; empty: all is here
    std::vector<float> split;        // of the layers, by node
};

struct Line {
    std::string what;
    Bytes bytes;
};

// What a ggml-rpc-server will hold.
struct Node {
    std::string address;
    Bytes weights, context, compute;
    Bytes memory;  // that it has for all its users
};

struct Answer {
    std::string architecture;
    int trained_context = 0;
    std::string engine;
    bool kv_quantisable = true;  // the heads' length is a multiple of 32, the block size of quantised types
    std::vector<Line> lines;
    std::vector<Node> nodes;
};

[[nodiscard]] Result<Answer> ask(Question question);

// Loads the backends that the engine chooses on this machine, and says which build it is.
[[nodiscard]] std::string load_engine();

}  // namespace sarai::measure
