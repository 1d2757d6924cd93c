// Both stores for tests that are the same for both: a place for each, and an embedder.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "knowledge/embedder.hpp"
#include "knowledge/store.hpp"
#include "support/hashed_ngrams.hpp"
#include "support/temp_folder.hpp"

namespace sarai::knowledge {

inline constexpr int test_dimension = 384;

class HashingEmbedder final : public Embedder {
public:
    [[nodiscard]] const std::string& model() const override { return model_; }
    [[nodiscard]] Result<std::vector<Vector>> embed(std::span<const std::string> texts, Purpose) override {
        std::vector<Vector> vectors;
        for (const auto& text : texts) vectors.push_back(vector_of(text));
        return vectors;
    }
    [[nodiscard]] static Vector vector_of(std::string_view text) { return test::hashed_ngrams(text, test_dimension); }

private:
    std::string model_ = "hashed-ngrams";
};

struct Sqlite {
    static std::string new_place(const std::filesystem::path& folder) { return (folder / "knowledge").string(); }
    static void settle(const std::string&) {}
};
struct Postgres {
    static std::string new_place(const std::filesystem::path& folder);  // a new database of the one server
    // Waits until the server has noticed that a client is dead, and has ended what it was at.
    static void settle(const std::string& place);
};
using BothStores = testing::Types<Sqlite, Postgres>;

template <class Kind>
class StoreTest : public testing::Test {
protected:
    void SetUp() override {
        place_ = Kind::new_place(folder_.path());
        open();
    }
    void open() {
        store_.reset();
        auto opened = open_store(place_);
        ASSERT_TRUE(opened) << describe(opened.error());
        store_ = std::move(*opened);
    }
    test::TempFolder folder_;
    std::string place_;
    std::unique_ptr<Store> store_;
};

}  // namespace sarai::knowledge
