#include "gateway/response_store.hpp"

#include <gtest/gtest.h>

namespace sarai::gateway::response_store_test {
namespace {

using namespace std::chrono_literals;
using protocols::responses::Kept;

constexpr ResponseStore::Time start{};

Kept kept(std::size_t size, char letter = 'x') {
    return {.response = std::string(size, letter), .input = {}, .messages = {}};
}

bool has(ResponseStore& store, std::string_view id, ResponseStore::Time now = start) {
    return store.get(id, now) != nullptr;
}

}  // namespace

TEST(ResponseStore, GivesBackWhatWasPut) {
    ResponseStore store;
    EXPECT_FALSE(has(store, "a"));
    store.put("a", {.response = "1", .input = "2", .messages = "3"}, start);
    const auto got = store.get("a", start);
    ASSERT_NE(got, nullptr);
    EXPECT_EQ(got->response + got->input + got->messages, "123");
    EXPECT_FALSE(has(store, "A"));
    EXPECT_EQ(store.count(), 1U);
}

TEST(ResponseStore, ReplacesWhatHasTheSameId) {
    ResponseStore store;
    store.put("a", kept(1000), start);
    const auto before = store.bytes();
    store.put("a", kept(500, 'y'), start);
    EXPECT_EQ(store.bytes(), before - Bytes{500});
    EXPECT_EQ(store.count(), 1U);
    EXPECT_EQ(store.get("a", start)->response.front(), 'y');
}

TEST(ResponseStore, ErasesOnceAndKeepsNoBytes) {
    ResponseStore store;
    store.put("a", kept(10), start);
    const auto got = store.get("a", start);
    EXPECT_TRUE(store.erase("a", start));
    EXPECT_FALSE(store.erase("a", start));
    EXPECT_FALSE(has(store, "a"));
    EXPECT_EQ(store.bytes(), Bytes{});
    EXPECT_EQ(got->response.size(), 10U) << "who has it still has it";
}

TEST(ResponseStore, NeverHoldsMoreBytesThanItsLimit) {
    ResponseStore store({.bytes = KiB(10)});
    for (int i = 0; i < 100; ++i) {
        store.put("r" + std::to_string(i), kept(3000), start);
        EXPECT_LE(store.bytes(), KiB(10));
    }
    EXPECT_EQ(store.count(), 3U);
    EXPECT_TRUE(has(store, "r99"));
    EXPECT_TRUE(has(store, "r97"));
    EXPECT_FALSE(has(store, "r96"));
}

TEST(ResponseStore, CountsEveryPartOfAResponse) {
    ResponseStore store({.bytes = KiB(10)});
    store.put("a", {.response = {}, .input = std::string(4000, 'i'), .messages = std::string(4000, 'm')}, start);
    EXPECT_GT(store.bytes(), Bytes{8000});
    store.put("b", kept(3000), start);
    EXPECT_FALSE(has(store, "a"));
}

TEST(ResponseStore, DropsWhatWasNotUsedForLongest) {
    ResponseStore store({.count = 3});
    for (const auto* id : {"a", "b", "c"}) store.put(id, kept(10), start);
    EXPECT_TRUE(has(store, "a"));
    store.put("d", kept(10), start);
    EXPECT_TRUE(has(store, "a"));
    EXPECT_FALSE(has(store, "b"));
    EXPECT_TRUE(has(store, "c"));
    EXPECT_TRUE(has(store, "d"));
    EXPECT_EQ(store.count(), 3U);
}

TEST(ResponseStore, DropsWhatIsTooOld) {
    ResponseStore store({.age = 1h});
    store.put("a", kept(10), start);
    store.put("b", kept(10), start + 10min);
    EXPECT_TRUE(has(store, "a", start + 60min));
    EXPECT_FALSE(has(store, "b", start + 70min + 1s));
    EXPECT_TRUE(has(store, "a", start + 120min)) << "a look makes it young again";
    EXPECT_FALSE(store.erase("a", start + 180min + 1s));
    EXPECT_EQ(store.bytes(), Bytes{});
    store.put("c", kept(10), start + 200min);
    store.put("d", kept(10), start + 261min);
    EXPECT_EQ(store.count(), 1U) << "also when nobody looks";
}

TEST(ResponseStore, DoesNotKeepWhatIsLargerThanTheWholeStore) {
    ResponseStore store({.bytes = KiB(10)});
    store.put("a", kept(10), start);
    store.put("b", kept(20'000), start);
    EXPECT_TRUE(has(store, "a"));
    EXPECT_FALSE(has(store, "b"));
    store.put("a", kept(20'000), start);
    EXPECT_FALSE(has(store, "a")) << "what it replaces is out of date";
    ResponseStore none({.count = 0});
    none.put("a", kept(10), start);
    EXPECT_FALSE(has(none, "a"));
}

}  // namespace sarai::gateway::response_store_test
