// Memory on other machines: what ggml-rpc-servers hold of models whose layers are spread over them.
//
// Nobody but the server knows what else its machine does, and one without a GPU reports all of its RAM as free. So what
// counts is what it has, less what sarai's own models take there. Pure.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::memory {

// What one server will hold of a model.
struct NodePlan {
    std::string address;              // host:port
    Bytes weights, context, compute;  // its layers, their KV cache, scratch buffers
    Bytes memory;                     // that it has, as it said when the plan was made

    [[nodiscard]] Bytes total() const { return weights + context + compute; }
    bool operator==(const NodePlan&) const = default;
};

// What the models that are loaded, or are being loaded, take on each server.
class NodeLedger {
public:
    // `holder` tells models apart, also those of one name before and after a reload; `model` is for people.
    // Errors: no_memory, with the server that has too little, who has how much of it, and what is missing.
    [[nodiscard]] Result<void> fits(std::size_t holder, std::string_view model, std::span<const NodePlan> plan) const;
    // Replaces what the holder had. The same errors; then nothing was changed.
    [[nodiscard]] Result<void> reserve(std::size_t holder, const std::string& model, std::span<const NodePlan> plan);
    void release(std::size_t holder) { held_.erase(holder); }

private:
    struct Held {
        std::string model;
        std::vector<NodePlan> nodes;
    };
    std::map<std::size_t, Held> held_;
};

}  // namespace sarai::memory
