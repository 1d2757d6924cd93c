#include "router/classifier.hpp"

#include <fmt/format.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <span>

#include "router/built_in.hpp"
#include "router/familiarity.hpp"
#include "router/pooling.hpp"
#include "router/weights.hpp"

namespace sarai::router {
namespace {

constexpr std::size_t alignment = 32;  // GGUF's, which ggml's kernels count on

struct FreeMemory {
    void operator()(std::byte* memory) const { std::free(memory); }
};
using Memory = std::unique_ptr<std::byte, FreeMemory>;

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};

float sigmoid(float value) { return 1 / (1 + std::exp(-value)); }

}  // namespace

struct Classifier::State {
    Memory own;  // of weights that are a file; those within the program are read where they lie
    std::size_t size = 0;
    Weights weights;
    mutable std::mutex mutex;  // of the network, whose graph has one set of buffers
    mutable std::optional<Network> network;

    static Result<std::unique_ptr<State>> make(std::span<const std::byte> bytes, Memory own, std::string_view name) {
        auto state = std::make_unique<State>();
        auto weights = read_weights(bytes, name);
        if (!weights) return std::unexpected(std::move(weights.error()));
        state->own = std::move(own);
        state->size = bytes.size();
        state->weights = std::move(*weights);
        auto network = Network::make(state->weights.shape, 1, state->weights.network);
        if (!network) return std::unexpected(std::move(network.error()));
        state->network.emplace(std::move(*network));
        return state;
    }

    void add_row(std::int32_t row, float factor, float* into) const {
        const auto blocks = static_cast<std::size_t>(weights.shape.width) / 32;
        const auto* block = weights.embedding.data() + static_cast<std::size_t>(row) * blocks;
        for (std::size_t i = 0; i < blocks; ++i, ++block, into += 32) {
            const float scale = factor * ggml_fp16_to_fp32(block->scale);
            for (std::size_t k = 0; k < 32; ++k) into[k] += scale * static_cast<float>(block->values[k]);
        }
    }

    std::array<float, slot_count> pool_into(std::span<const Feature> features, std::span<float> into) const {
        std::array<float, slot_count> sums{};
        pool(
            pick(features, weights.keys), static_cast<std::size_t>(weights.shape.width),
            [this](std::int32_t row) {
                return std::exp(ggml_fp16_to_fp32(weights.importance[static_cast<std::size_t>(row)]));
            },
            [this](std::int32_t row, float factor, float* target) { add_row(row, factor, target); }, into, sums);
        return sums;
    }

    // What the features say by themselves, as logits.
    [[nodiscard]] Evidence evidence_of(std::span<const Feature> features) const {
        auto sums = weights.linear_bias;
        for (const auto& term : terms_of(pick(features, weights.keys),
                                         [this](std::size_t row) { return ggml_fp16_to_fp32(weights.rarity[row]); }))
            for (std::size_t label = 0; label < sums.size(); ++label)
                sums[label] += term.value * ggml_fp16_to_fp32(weights.linear[term.row * sums.size() + label]);
        sums = softmax(sums);
        for (auto& value : sums) value = logit(value);
        return sums;
    }

    [[nodiscard]] float familiarity_of(std::span<const Feature> features) const {
        return familiarity(
            features, weights.keys, [this](std::size_t row) { return ggml_fp16_to_fp32(weights.rarity[row]); },
            weights.unseen_rarity);
    }
};

Classifier::Classifier(std::unique_ptr<State> state) : state_(std::move(state)) {}
Classifier::Classifier(Classifier&&) noexcept = default;
Classifier& Classifier::operator=(Classifier&&) noexcept = default;
Classifier::~Classifier() = default;

Result<Classifier> Classifier::open(const std::filesystem::path& gguf) {
    const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(gguf.c_str(), "rb"));
    std::error_code error;
    const auto size = std::filesystem::file_size(gguf, error);
    if (!file || error) return fail(Code::not_found, fmt::format("cannot read {}", gguf.string()));
    constexpr std::size_t most = std::size_t{1} << 30;
    if (size == 0 || size > most)
        return fail(Code::corrupt_file, fmt::format("{}: {} bytes are no weights of a router", gguf.string(), size));
    Memory memory(
        static_cast<std::byte*>(std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment)));
    if (!memory) return fail(Code::no_memory, fmt::format("no memory for {}", gguf.string()));
    if (std::fread(memory.get(), 1, size, file.get()) != size)
        return fail(Code::io, fmt::format("cannot read {}", gguf.string()));
    const std::span<const std::byte> bytes(memory.get(), size);
    auto state = State::make(bytes, std::move(memory), gguf.string());
    if (!state) return std::unexpected(std::move(state.error()));
    Classifier made(std::move(*state));
    // Each part of the network takes part in each answer; a broken row of the table shows when it is used.
    const auto scores =
        made.score("¿Por qué falla este bucle? Why does this loop never end, and what is the news today?");
    if (scores.hard + scores.soft + scores.web_query <= 0)
        return fail(Code::corrupt_file, fmt::format("{}: its network's answers are no numbers", gguf.string()));
    return made;
}

Result<Classifier> Classifier::built_in(Size size) {
    auto state = State::make(built_in_weights(size), nullptr, name_of(size));
    if (!state) return std::unexpected(std::move(state.error()));
    return Classifier(std::move(*state));
}

Scores Classifier::score(std::string_view text) const {
    const auto features = features_of(text);
    Scores scores{.familiar = state_->familiarity_of(features)};
    std::array<float, 2 * static_cast<std::size_t>(head_count)> logits{};
    {
        const std::lock_guard lock(state_->mutex);
        state_->pool_into(features, state_->network->pooled());
        const auto found = state_->network->run();
        std::ranges::copy(found, logits.begin());
    }
    const auto& calibration = state_->weights.calibration;
    const auto evidence = state_->evidence_of(features);
    const auto probability = [&](std::size_t head) {
        const float network = logits[2 * head] - logits[2 * head + 1];
        const float logit = head < evidence.size() ? (network + evidence[head]) / 2 : network;
        return sigmoid(calibration.slope[head] * logit + calibration.offset[head]);
    };
    scores.hard = probability(0);
    scores.soft = probability(1);
    scores.web_query = probability(2);
    // Weights that were damaged without a trace in their form: better no answer than a wrong one.
    if (!std::isfinite(scores.hard + scores.soft + scores.web_query + scores.familiar)) return {};
    if (scores.familiar >= calibration.familiar_enough)
        scores.language = probability(language_head) >= 0.5F ? Language::es : Language::en;
    return scores;
}

Bytes Classifier::memory() const {
    return {static_cast<std::int64_t>(state_->size + state_->network->memory() + sizeof(State))};
}
std::int64_t Classifier::parameters() const { return parameter_count(state_->weights.shape); }
float Classifier::familiar_enough() const { return state_->weights.calibration.familiar_enough; }

std::vector<float> Classifier::embed(std::string_view text) const {
    std::vector<float> vector(slot_count * static_cast<std::size_t>(state_->weights.shape.width));
    state_->pool_into(features_of(text), vector);
    return vector;
}

}  // namespace sarai::router
