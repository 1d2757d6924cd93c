// The trained model as a GGUF file of the architecture "llama".
#pragma once

#include <cstdint>
#include <filesystem>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "parameters.hpp"
#include "tokenizer.hpp"

namespace train_demo {

struct Origin {
    std::uint64_t seed = 0;
    std::size_t questions = 0;
    std::size_t topics = 0;
};

// Matrices in Q8_0, the norms' ones in F32. Nothing of it is there where it fails. Errors: Code::io.
[[nodiscard]] sarai::Result<sarai::Bytes> write_gguf(const Shape& shape, const Parameters& parameters,
                                                     const Tokenizer& tokenizer, const Origin& origin,
                                                     const std::filesystem::path& file);

}  // namespace train_demo
