// The vectors of one collection in memory, in a graph in which the nearest are found without looking at all (HNSW:
// Malkov and Yashunin, "Efficient and robust approximate nearest neighbor search using hierarchical navigable small
// world graphs", 2018; the implementation is hnswlib's).
//
// Derived: the database says which vectors there are, and catch_up() makes the two agree whatever happened. Saved in
// two steps, so that a kill leaves the old or the new one: a file of the graph, and a small one that names it with its
// SHA-256, replaced by a rename.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "knowledge/fusion.hpp"

namespace sarai::knowledge {

class VectorIndex {
public:
    // What as many of them take in memory. Measured: 100,000 vectors of 384 numbers 170 MB, of which 154 MB are the
    // numbers; for the graph, its locks and names 512 bytes are counted for each.
    [[nodiscard]] static Bytes memory_of(std::int64_t vectors, int dimension) {
        return Bytes{vectors * (std::int64_t{4} * dimension + 512)};
    }
    // What was saved as `name` in `folder`, where it is whole and of this dimension; else empty.
    [[nodiscard]] static VectorIndex open(const std::filesystem::path& folder, const std::string& name, int dimension);
    ~VectorIndex();
    VectorIndex(VectorIndex&&) noexcept;
    VectorIndex& operator=(VectorIndex&&) noexcept;

    // The state of the database that it agrees with; 0 at first. Set by whoever made them agree.
    [[nodiscard]] std::int64_t generation() const;
    void set_generation(std::int64_t generation);

    [[nodiscard]] std::vector<std::int64_t> ids() const;  // ascending
    [[nodiscard]] std::size_t size() const;
    // Vectors of unit length. An id is used for one vector only, for ever.
    void add(std::int64_t id, std::span<const float> vector);
    void remove(std::int64_t id);  // nothing if it is not there
    // Best first; scores are cosines.
    [[nodiscard]] std::vector<Hit> nearest(std::span<const float> vector, std::size_t most) const;

    // More than half of it is of removed vectors: made anew it would be smaller and quicker.
    [[nodiscard]] bool wasteful() const;
    void clear();
    // Enough has changed since the last save that saving now costs little beside the changes.
    [[nodiscard]] bool worth_saving() const;
    [[nodiscard]] Result<void> save();
    static void remove_files(const std::filesystem::path& folder, const std::string& name);

private:
    struct State;
    explicit VectorIndex(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace sarai::knowledge
