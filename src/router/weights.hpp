// A TRM's weights as a GGUF file (general.architecture "sarai-trm"): tables in Q8_0, vectors as they are, the shape and
// the calibration as keys.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "router/linear.hpp"
#include "router/network.hpp"
#include "router/vocabulary.hpp"

namespace sarai::router {

// Probability of a head: sigmoid(slope * logit + offset) (Platt 1999), fitted on the validation split. A label's logit
// is the mean of the network's and the linear model's.
struct Calibration {
    std::array<float, head_count> slope{1, 1, 1, 1};
    std::array<float, head_count> offset{};
    float familiar_enough = 0;
};

// As training has them.
struct TrainedModel {
    std::string name;  // general.name
    Shape shape;
    Vocabulary vocabulary;
    std::vector<float> embedding;             // width * rows
    std::vector<float> importance;            // of each row: the logarithm of its weight in the mean
    std::vector<std::vector<float>> network;  // in the order of network_tensors()
    std::vector<Evidence> linear;             // of each row
    Evidence linear_bias{};
    Calibration calibration;
    std::int64_t texts = 0;  // that it learnt from
    std::uint64_t seed = 0;
};

[[nodiscard]] Result<void> write_weights(const TrainedModel& model, const std::filesystem::path& path);

// ggml's block of Q8_0: 32 numbers, each its byte times `scale` (half precision).
struct Block {
    std::uint16_t scale = 0;
    std::array<std::int8_t, 32> values{};
};
static_assert(sizeof(Block) == 34);

// What a file holds, read where it lies: the bytes must outlive this.
struct Weights {
    std::string name;
    Shape shape;
    Calibration calibration;
    float unseen_rarity = 0;
    std::span<const std::uint32_t> keys;
    std::span<const std::uint16_t> rarity;      // half precision
    std::span<const std::uint16_t> importance;  // half precision
    std::span<const Block> embedding;           // width / 32 blocks a row
    std::span<const std::uint16_t> linear;      // half precision, three a row
    Evidence linear_bias{};
    std::vector<TensorView> network;
};

// `bytes` are aligned to 32. Errors: Code::corrupt_file, with what is wrong; Code::unsupported for another
// architecture or a later version.
[[nodiscard]] Result<Weights> read_weights(std::span<const std::byte> bytes, std::string_view name);

}  // namespace sarai::router
