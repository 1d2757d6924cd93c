// Embeddings in the forms in which they cross the wire. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <cstdint>
#include <vector>

#include "base/error.hpp"

namespace sarai::protocols {

// OpenAI's compact form of a vector: base64 of little-endian 32-bit floats.
[[nodiscard]] boost::json::value packed(const boost::json::array& vector);

// Shortens the vectors of a list of embeddings to their first `dimensions` numbers, of length 1 again (models that were
// trained for it, such as EmbeddingGemma, keep most of the meaning there: Kusupati et al., Matryoshka Representation
// Learning, 2022), and packs them if asked to. Errors: invalid_argument where they have fewer.
[[nodiscard]] Result<void> shorten(boost::json::object& list, std::int64_t dimensions, bool base64);

// The vectors of an embeddings reply, as many as `texts`, in their order. Errors: upstream, for another number of them
// and for what is no vector.
[[nodiscard]] Result<std::vector<std::vector<float>>> read_vectors(const boost::json::object& reply, std::size_t texts);

}  // namespace sarai::protocols
