// The router's eyes: a small recursive network that says of a prompt whether it wants the expert (hard), a kind word
// (soft), or what only the web knows (web_query). Independent scores: a prompt may be several, or none.
//
// A Classifier is immutable and may be shared by threads; score() takes its time in microseconds and never fails.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::router {

enum class Label : std::uint8_t { hard, soft, web_query };
inline constexpr std::array all_labels{Label::hard, Label::soft, Label::web_query};
[[nodiscard]] std::string_view name_of(Label label);  // "hard", "soft", "web_query"
[[nodiscard]] std::optional<Label> label_named(std::string_view name);

enum class Language : std::uint8_t { other, es, en };
[[nodiscard]] std::string_view name_of(Language language);  // "other", "es", "en"

struct Scores {
    float hard = 0;  // calibrated probabilities, each by itself
    float soft = 0;
    float web_query = 0;
    float familiar = 0;  // 0…1: how much of the prompt is like what was seen in training
    Language language = Language::other;
    [[nodiscard]] float of(Label label) const;
    [[nodiscard]] Label best() const;
};

// The two sizes that are shipped within the program.
enum class Size : std::uint8_t { router, mini };
[[nodiscard]] std::string_view name_of(Size size);  // "trm-router", "trm-mini"

class Classifier {
public:
    // Weights as `sarai router train` writes them. Errors: not_found, corrupt_file, unsupported.
    [[nodiscard]] static Result<Classifier> open(const std::filesystem::path& gguf);
    [[nodiscard]] static Result<Classifier> built_in(Size size);

    Classifier(Classifier&&) noexcept;
    Classifier& operator=(Classifier&&) noexcept;
    ~Classifier();

    [[nodiscard]] Scores score(std::string_view text) const;
    // What the network sees of a prompt: the slots' pooled embeddings, side by side. For explanations.
    [[nodiscard]] std::vector<float> embed(std::string_view text) const;
    [[nodiscard]] Bytes memory() const;  // what it takes, weights and buffers
    [[nodiscard]] std::int64_t parameters() const;
    [[nodiscard]] float familiar_enough() const;  // below it a prompt is unlike training; chosen on validation data

private:
    struct State;
    explicit Classifier(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace sarai::router
