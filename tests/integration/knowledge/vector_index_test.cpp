#include "knowledge/vector_index.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "knowledge/sqlite_store.hpp"
#include "stores.hpp"

namespace sarai::knowledge::vector_index_test {
namespace {

namespace fs = std::filesystem;

Vector vector_of(int i) { return HashingEmbedder::vector_of("vector number " + std::to_string(i * 7919)); }

VectorIndex filled(const fs::path& folder, int count) {
    auto index = VectorIndex::open(folder, "v", test_dimension);
    for (int i = 1; i <= count; ++i) index.add(i, vector_of(i));
    index.set_generation(count);
    return index;
}

TEST(VectorIndex, IsTheSameWhenOpenedAgain) {
    const test::TempFolder folder;
    {
        auto index = filled(folder.path(), 1500);  // more than the first capacity
        index.remove(3);
        index.remove(3);
        index.remove(99'999);
        ASSERT_TRUE(index.save());
    }
    const auto again = VectorIndex::open(folder.path(), "v", test_dimension);
    EXPECT_EQ(again.generation(), 1500);
    EXPECT_EQ(again.size(), 1499);
    EXPECT_EQ(again.ids().size(), 1499);
    EXPECT_EQ(again.nearest(vector_of(5), 1).front().chunk, 5);
    EXPECT_NE(again.nearest(vector_of(3), 1).front().chunk, 3);
}

TEST(VectorIndex, AnEmptyOneGrowsAfterItWasSaved) {
    const test::TempFolder folder;
    {
        auto index = VectorIndex::open(folder.path(), "v", test_dimension);
        index.set_generation(1);
        ASSERT_TRUE(index.save());
    }
    auto again = VectorIndex::open(folder.path(), "v", test_dimension);
    EXPECT_EQ(again.generation(), 1);
    again.add(1, vector_of(1));
    EXPECT_EQ(again.nearest(vector_of(1), 5).size(), 1);
}

TEST(VectorIndex, WhatIsNotAsItWasSavedIsMadeAnew) {
    const test::TempFolder folder;
    ASSERT_TRUE(filled(folder.path(), 50).save());
    const auto file = folder.path() / "v-50.hnsw";
    ASSERT_TRUE(fs::exists(file));
    EXPECT_EQ(VectorIndex::open(folder.path(), "v", 10).size(), 0) << "another dimension";
    std::fstream(file, std::ios::in | std::ios::out | std::ios::binary).seekp(200).put('\x7f');
    EXPECT_EQ(VectorIndex::open(folder.path(), "v", test_dimension).size(), 0);
    EXPECT_EQ(VectorIndex::open(folder.path(), "v", test_dimension).generation(), 0);
    fs::remove(file);
    EXPECT_EQ(VectorIndex::open(folder.path(), "v", test_dimension).size(), 0);
    std::ofstream(folder.path() / "v.index") << "sarai vectors 1\n../../etc/passwd\n384 50 x\n";
    EXPECT_EQ(VectorIndex::open(folder.path(), "v", test_dimension).size(), 0);
}

TEST(VectorIndex, OldFilesGo) {
    const test::TempFolder folder;
    auto index = filled(folder.path(), 10);
    ASSERT_TRUE(index.save());
    index.set_generation(11);
    ASSERT_TRUE(index.save());
    EXPECT_FALSE(fs::exists(folder.path() / "v-10.hnsw"));
    EXPECT_TRUE(fs::exists(folder.path() / "v-11.hnsw"));
    VectorIndex::remove_files(folder.path(), "v");
    EXPECT_TRUE(fs::is_empty(folder.path()));
}

TEST(SqliteStore, AnIndexThatIsLostOrDamagedIsMadeAgain) {
    const test::TempFolder folder;
    const std::vector<Chunk> chunks(1, Chunk{.text = "alpha", .end = 5});
    const std::vector<Vector> vectors{HashingEmbedder::vector_of("alpha")};
    const auto damage = [&](const auto& harm) {
        for (const auto& entry : fs::directory_iterator(folder.path())) {
            if (entry.path().extension() == ".hnsw") harm(entry.path());
        }
        auto store = open_sqlite_store(folder.path());
        ASSERT_TRUE(store);
        EXPECT_EQ((*store)->by_vector("docs", vectors[0], 5)->size(), 1);
        EXPECT_TRUE((*store)->check());
        ASSERT_TRUE((*store)->save());
    };
    {
        auto store = open_sqlite_store(folder.path());
        ASSERT_TRUE((*store)->make_collection("docs", "m", test_dimension));
        ASSERT_TRUE((*store)->put("docs", {.path = "a"}, chunks, vectors));
        ASSERT_TRUE((*store)->save());
    }
    damage([](const fs::path& path) { fs::remove(path); });
    damage([](const fs::path& path) { fs::resize_file(path, 100); });
}

TEST(SqliteStore, ACorruptDatabaseIsAClearError) {
    const test::TempFolder folder;
    std::ofstream(folder.path() / "knowledge.db") << std::string(5000, 'x');
    const auto store = open_sqlite_store(folder.path());
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::corrupt_file);
}

TEST(PostgresStore, AServerThatIsNotThereIsUnavailable) {
    const auto store = open_store("postgresql:///x?host=/no/such/folder&password=secret");
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code, Code::unavailable);
    EXPECT_FALSE(describe(store.error()).contains("secret"));
}

}  // namespace
}  // namespace sarai::knowledge::vector_index_test
