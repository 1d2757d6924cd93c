// A stand-in for an embedding model: hashed character n-grams. No model, no meaning, but deterministic and quick.
//
// Words that share parts (founded, foundation; exporta, exportaciones) lie near one another, which is what a word index
// without stemming misses; words that share no letters (car, automobile) do not, which is what a real model adds.
#pragma once

#include <cctype>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sarai::test {

// Of unit length but for a text without words: all parts of 3 to 5 bytes of each word, its ends marked, each adding ±1
// at a place that its hash tells; counts beyond one add less (square root).
inline std::vector<float> hashed_ngrams(std::string_view text, std::size_t dimension) {
    std::vector<float> vector(dimension);
    const auto add = [&](std::string_view word) {
        const std::string marked = "<" + std::string(word) + ">";
        for (std::size_t length = 3; length <= 5; ++length) {
            for (std::size_t at = 0; at + length <= marked.size(); ++at) {
                std::uint64_t hash = 14695981039346656037U;  // FNV-1a
                for (const char c : marked.substr(at, length))
                    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
                hash ^= hash >> 32;
                vector[(hash >> 1) % dimension] += (hash & 1) != 0 ? 1.0F : -1.0F;
            }
        }
    };
    std::string word;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (std::isalnum(byte) != 0 || byte >= 0x80) {
            word += static_cast<char>(std::tolower(byte));
        } else if (!word.empty()) {
            add(word);
            word.clear();
        }
    }
    if (!word.empty()) add(word);
    double sum = 0;
    for (float& x : vector) {
        x = std::copysign(std::sqrt(std::abs(x)), x);
        sum += double{x} * x;
    }
    if (sum == 0) return vector;
    for (float& x : vector) x = static_cast<float>(x / std::sqrt(sum));
    return vector;
}

}  // namespace sarai::test
