// What makes vectors of texts: the resident embedding model, or a stand-in of a test.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "knowledge/store.hpp"

namespace sarai::knowledge {

// Many models want a passage and a question about it introduced by different words.
enum class Purpose : std::uint8_t { passage, question };

class Embedder {
public:
    virtual ~Embedder() = default;
    // Of a collection's vectors; two that differ in any way that shows in vectors have different names.
    [[nodiscard]] virtual const std::string& model() const = 0;
    // As many vectors as texts, in their order, all of one length; they need not be of unit length.
    [[nodiscard]] virtual Result<std::vector<Vector>> embed(std::span<const std::string> texts, Purpose purpose) = 0;
};

}  // namespace sarai::knowledge
