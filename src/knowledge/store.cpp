#include "knowledge/store.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/utf8.hpp"
#include "history/store.hpp"
#include "knowledge/postgres_store.hpp"
#include "knowledge/sqlite_store.hpp"
#include "knowledge/vector_index.hpp"

namespace sarai::knowledge {

namespace {

constexpr std::size_t most_name = 128;  // bytes

double squared_length(std::span<const float> vector) {
    double sum = 0;
    for (const float x : vector) sum += double{x} * x;
    return sum;
}

bool is_a_server(const std::string& where) {
    return where.starts_with("postgresql://") || where.starts_with("postgres://");
}

bool has_control(std::string_view text) {
    return std::ranges::any_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; });
}

}  // namespace

bool normalise(Vector& vector) {
    const double length = std::sqrt(squared_length(vector));
    if (!std::isfinite(length) || length < 1e-30) return false;
    for (float& x : vector) x = static_cast<float>(x / length);
    return true;
}

Result<void> check_collection(const std::string& name, const std::string& model, int dimension) {
    if (name.empty() || name.size() > most_name || has_control(name) || valid_utf8(name) != name)
        return fail_field("collection",
                          fmt::format("a collection's name has 1 to {} bytes and no control characters", most_name));
    if (model.empty() || has_control(model) || valid_utf8(model) != model)
        return fail_field("model", "a collection needs the name of the embedding model that makes its vectors");
    if (dimension < 1 || dimension > most_dimension)
        return fail_field("dimension",
                          fmt::format("vectors of {} numbers: expected 1 to {}", dimension, most_dimension));
    return {};
}

Result<void> check_same(const Collection& there, const std::string& model, int dimension) {
    if (there.model == model && there.dimension == dimension) return {};
    return std::unexpected(
        Error{.code = Code::invalid_argument,
              .message = fmt::format("collection '{}' has vectors of {} numbers by {}, not of {} by {}", there.name,
                                     there.dimension, there.model, dimension, model),
              .hint = "Vectors of two models cannot be compared: use that model, or another collection.",
              .field = "model"});
}

Result<void> check_vectors(int dimension, std::size_t chunks, std::span<const Vector> vectors) {
    if (vectors.size() != chunks)
        return fail_field("vectors", fmt::format("{} vectors for {} chunks", vectors.size(), chunks));
    for (const auto& vector : vectors) {
        if (std::cmp_not_equal(vector.size(), dimension))
            return fail_field("vectors", fmt::format("a vector of {} numbers: expected {}", vector.size(), dimension));
        // Rounding to float moves the length by less than 1e-6.
        if (const double length = squared_length(vector); !(std::abs(length - 1) < 1e-3))
            return fail_field("vectors", fmt::format("a vector of length {:.4g}: expected 1", std::sqrt(length)));
    }
    return {};
}

Result<void> check_question(const std::string& collection, int dimension, std::span<const float> vector) {
    if (std::cmp_not_equal(vector.size(), dimension))
        return fail_field("vector", fmt::format("a vector of {} numbers: collection '{}' has {}", vector.size(),
                                                collection, dimension));
    if (!std::isfinite(squared_length(vector))) return fail_field("vector", "a vector with a number that is none");
    return {};
}

std::string store_place(const std::string& configured, const std::filesystem::path& state_dir) {
    return configured.empty() ? (history::state_folder(state_dir) / "knowledge").string() : configured;
}

Bytes memory_of(const std::string& where, const Collection& collection) {
    return is_a_server(where) ? Bytes{} : VectorIndex::memory_of(collection.chunks, collection.dimension);
}

Result<std::unique_ptr<Store>> open_store(const std::string& where, const Opening& opening) {
    if (is_a_server(where)) return open_postgres_store(where, opening);
    return open_sqlite_store(where, opening);
}

}  // namespace sarai::knowledge
