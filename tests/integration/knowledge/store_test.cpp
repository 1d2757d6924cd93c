#include <filesystem>
#include <set>

#include "stores.hpp"

namespace sarai::knowledge::store_test {
namespace {

template <class Kind>
class Stores : public StoreTest<Kind> {
protected:
    void make(const std::string& name = "docs") {
        ASSERT_TRUE(this->store_->make_collection(name, "hashed-ngrams", test_dimension));
    }

    static DocumentRecord record(std::string path, std::string hash = "h") {
        return {.path = std::move(path),
                .hash = std::move(hash),
                .format = Format::markdown,
                .title = "T",
                .size = Bytes{10},
                .added = 1'700'000'000};
    }
    Result<void> put(const DocumentRecord& document, const std::vector<std::string>& texts,
                     const std::string& collection = "docs") {
        std::vector<Chunk> chunks;
        std::vector<Vector> vectors;
        std::size_t at = 0;
        for (const auto& text : texts) {
            const auto line = static_cast<std::uint32_t>(chunks.size() + 1);
            chunks.push_back({.text = text,
                              .heading = "Head › Line",
                              .begin = at,
                              .end = at + text.size(),
                              .first = line,
                              .last = line + 1});
            vectors.push_back(HashingEmbedder::vector_of(text));
            at += text.size();
        }
        return this->store_->put(collection, document, chunks, vectors);
    }
    std::vector<std::string> texts(const Result<std::vector<Hit>>& hits, const std::string& collection = "docs") {
        EXPECT_TRUE(hits) << describe(hits.error());
        std::vector<std::int64_t> ids;
        for (const auto& hit : *hits) ids.push_back(hit.chunk);
        std::vector<std::string> found;
        const auto passages = this->store_->passages(collection, ids);
        EXPECT_TRUE(passages);
        for (const auto& passage : *passages) found.push_back(passage.chunk.text);
        return found;
    }
    std::vector<std::string> by_words(std::string_view question) {
        return texts(this->store_->by_words("docs", question, 10));
    }
    std::vector<std::string> by_vector(std::string_view question, int most = 10) {
        return texts(this->store_->by_vector("docs", HashingEmbedder::vector_of(question), most));
    }
};
TYPED_TEST_SUITE(Stores, BothStores);

using Texts = std::vector<std::string>;

TYPED_TEST(Stores, AModelAndItsDimensionAreFixed) {
    this->make();
    this->make();
    for (const auto& other : {this->store_->make_collection("docs", "other", test_dimension),
                              this->store_->make_collection("docs", "hashed-ngrams", 10)}) {
        ASSERT_FALSE(other);
        EXPECT_EQ(other.error().code, Code::invalid_argument);
        EXPECT_EQ(other.error().field, "model");
    }
    EXPECT_FALSE(this->store_->make_collection("", "m", 3));
    EXPECT_FALSE(this->store_->make_collection("a\nb", "m", 3));
    EXPECT_FALSE(this->store_->make_collection("x", "m", 0));
    EXPECT_FALSE(this->store_->make_collection("x", "m", 100'000));
    EXPECT_FALSE(this->store_->by_vector("docs", std::vector<float>(3, 1.0F), 5));
    const std::vector<Chunk> chunks(1, Chunk{.text = "a", .end = 1});
    EXPECT_FALSE(
        this->store_->put("docs", this->record("a"), chunks, std::vector<Vector>{Vector(test_dimension, 1.0F)}))
        << "not of unit length";
    EXPECT_FALSE(this->store_->put("docs", this->record("a"), chunks, std::vector<Vector>{}));
    EXPECT_TRUE(this->store_->documents("docs")->empty());
}

TYPED_TEST(Stores, WhatWasPutIsFound) {
    this->make();
    ASSERT_TRUE(this->put(this->record("a.md"), {"The quick brown fox", "jumps over the lazy dog"}));
    ASSERT_TRUE(this->put(this->record("b.md"), {"El camión rápido cruza la montaña"}));
    EXPECT_EQ(this->by_words("fox"), Texts{"The quick brown fox"});
    EXPECT_EQ(this->by_words("CAMION montana"), Texts{"El camión rápido cruza la montaña"})
        << "case and accents do not matter";
    EXPECT_EQ(this->by_words("head").size(), 3) << "a heading's words count";
    EXPECT_EQ(this->by_vector("jumping over lazy dogs", 1), Texts{"jumps over the lazy dog"});
    const auto hits = this->store_->by_vector("docs", HashingEmbedder::vector_of("The quick brown fox"), 3);
    ASSERT_EQ(hits->size(), 3);
    EXPECT_NEAR((*hits)[0].score, 1, 1e-4);
    EXPECT_LT((*hits)[1].score, (*hits)[0].score);
    const auto passage = this->store_->passages("docs", std::vector{(*hits)[0].chunk, std::int64_t{999'999}});
    ASSERT_EQ(passage->size(), 1);
    EXPECT_EQ((*passage)[0].citation(), "a.md:1-2");
    EXPECT_EQ((*passage)[0].title, "T");
    EXPECT_EQ(
        (*passage)[0].chunk,
        (Chunk{.text = "The quick brown fox", .heading = "Head › Line", .begin = 0, .end = 19, .first = 1, .last = 2}));
}

TYPED_TEST(Stores, RareWordsCountMore) {
    this->make();
    for (int i = 0; i < 20; ++i)
        ASSERT_TRUE(this->put(this->record("common" + std::to_string(i)),
                              {"the river of the town is wide, the river is long " + std::to_string(i)}));
    ASSERT_TRUE(this->put(this->record("rare"), {"a zephyr by the river"}));
    EXPECT_EQ(this->by_words("the river zephyr").front(), "a zephyr by the river");
}

TYPED_TEST(Stores, ADocumentIsReplacedAndRemovedWhole) {
    this->make();
    ASSERT_TRUE(this->put(this->record("a", "1"), {"alpha", "beta"}));
    ASSERT_TRUE(this->put(this->record("a", "2"), {"gamma"}));
    EXPECT_TRUE(this->by_words("alpha").empty());
    EXPECT_EQ(this->by_words("gamma"), Texts{"gamma"});
    EXPECT_EQ(this->by_vector("alpha"), Texts{"gamma"});
    auto expected = this->record("a", "2");
    expected.chunks = 1;
    EXPECT_EQ(*this->store_->documents("docs"), std::vector{expected});
    EXPECT_EQ(*this->store_->document("docs", "a"), expected);
    EXPECT_EQ(*this->store_->document("docs", "b"), std::nullopt);
    EXPECT_EQ(this->store_->remove("docs", "a"), true);
    EXPECT_EQ(this->store_->remove("docs", "a"), false);
    EXPECT_TRUE(this->by_words("gamma").empty());
    EXPECT_TRUE(this->by_vector("gamma").empty());
    EXPECT_TRUE(this->store_->check());
}

TYPED_TEST(Stores, CollectionsAreApart) {
    this->make("a");
    this->make("b");
    ASSERT_TRUE(this->put(this->record("x"), {"shared words"}, "a"));
    auto failed = this->record("y");
    failed.trouble = "no text";
    ASSERT_TRUE(this->put(failed, {}, "b"));
    EXPECT_EQ(this->store_->by_words("b", "shared", 5)->size(), 0);
    EXPECT_EQ(this->store_->by_vector("b", HashingEmbedder::vector_of("shared"), 5)->size(), 0);
    EXPECT_EQ(*this->store_->collections(),
              (std::vector<Collection>{
                  {.name = "a",
                   .model = "hashed-ngrams",
                   .dimension = test_dimension,
                   .documents = 1,
                   .chunks = 1,
                   .text = Bytes{12}},
                  {.name = "b", .model = "hashed-ngrams", .dimension = test_dimension, .documents = 1, .failed = 1}}));
    ASSERT_TRUE(this->store_->remove_collection("a"));
    EXPECT_EQ(this->store_->collection("a").error().code, Code::not_found);
    EXPECT_EQ(this->store_->remove_collection("a").error().code, Code::not_found);
    EXPECT_EQ(this->put(this->record("x"), {"t"}, "a").error().code, Code::not_found);
    this->make("a");
    EXPECT_TRUE(this->store_->documents("a")->empty());
    EXPECT_TRUE(this->store_->check());
}

TYPED_TEST(Stores, AQuestionIsNoSyntax) {
    this->make();
    ASSERT_TRUE(this->put(this->record("a"), {"plain text about OR and NEAR"}));
    for (const auto* question : {"\"", "text\"", "NEAR(text, 3)", "a AND (b", "heading:text", "text*", "-text ^2 {x}",
                                 "'; DROP TABLE chunks; --", "text & | ! <-> :*", "\\", "", "¿?", "{a,\"b\\"})
        EXPECT_TRUE(this->store_->by_words("docs", question, 5)) << question;
    EXPECT_EQ(this->by_words("near('TEXT')").size(), 1);
    EXPECT_EQ(this->by_words("not-there's OR \"text\"").size(), 1);
    ASSERT_TRUE(this->put(this->record("'; DROP TABLE \"x"), {"it's \"quoted\" \\ {text}"}));
    EXPECT_EQ(this->by_words("quoted"), Texts{"it's \"quoted\" \\ {text}"});
}

TYPED_TEST(Stores, ItIsThereAgainWhenOpenedAgain) {
    this->make();
    for (int i = 0; i < 30; ++i)
        ASSERT_TRUE(this->put(this->record("d" + std::to_string(i)), {"document number " + std::to_string(1000 + i)}));
    ASSERT_TRUE(this->store_->save());
    ASSERT_TRUE(this->put(this->record("late"), {"after the last save"}));
    ASSERT_EQ(this->store_->remove("docs", "d7"), true);
    this->open();
    EXPECT_EQ(this->by_vector("after the last save", 1), Texts{"after the last save"});
    EXPECT_NE(this->by_vector("document number 1007", 1), Texts{"document number 1007"});
    EXPECT_EQ(this->by_vector("document number 1008", 1), Texts{"document number 1008"});
    EXPECT_TRUE(this->store_->check());
}

TYPED_TEST(Stores, TwoThatAreOpenSeeEachOthersChanges) {
    this->make();
    ASSERT_TRUE(this->put(this->record("a"), {"alpha"}));
    EXPECT_EQ(this->by_vector("alpha"), Texts{"alpha"});
    auto other = open_store(this->place_);
    ASSERT_TRUE(other);
    std::swap(this->store_, *other);
    ASSERT_TRUE(this->put(this->record("b"), {"beta"}));
    std::swap(this->store_, *other);
    EXPECT_EQ(this->by_vector("beta", 1), Texts{"beta"});
    EXPECT_EQ(this->by_words("beta"), Texts{"beta"});
}

TYPED_TEST(Stores, LookingChangesNothing) {
    const auto other = this->folder_.path() / "other";
    std::filesystem::create_directories(other / "knowledge");
    const auto place = TypeParam::new_place(other);
    const auto look = [&] { return open_store(place, {.look = true}); };
    const auto files = [&] {
        std::set<std::string> names;
        for (const auto& file : std::filesystem::recursive_directory_iterator(other)) names.insert(file.path());
        return names;
    };
    const auto before = files();
    for (int again = 0; again < 2; ++again) {
        const auto none = look();
        ASSERT_FALSE(none);
        EXPECT_EQ(none.error().code, Code::not_found) << describe(none.error()) << ", and still so the second time";
    }
    EXPECT_EQ(files(), before);
    {
        const auto made = open_store(place);
        ASSERT_TRUE(made) << describe(made.error());
        ASSERT_TRUE((*made)->make_collection("docs", "m", 3));
        const auto beside = look();
        ASSERT_TRUE(beside) << describe(beside.error());
        EXPECT_EQ((*beside)->collections()->size(), 1) << "while another process has it open";
    }
    const auto kept = files();
    const auto alone = look();
    ASSERT_TRUE(alone) << describe(alone.error());
    EXPECT_EQ((*alone)->collections()->size(), 1);
    EXPECT_FALSE((*alone)->make_collection("more", "m", 3));
    EXPECT_EQ(files(), kept);
    EXPECT_EQ((*open_store(place))->collections()->size(), 1);
}

}  // namespace
}  // namespace sarai::knowledge::store_test
