#include "knowledge/ingest.hpp"

#include <fstream>

#include "knowledge/search.hpp"
#include "stores.hpp"

namespace sarai::knowledge::ingest_test {
namespace {

namespace fs = std::filesystem;

template <class Kind>
class Ingest : public StoreTest<Kind> {
protected:
    fs::path folder() { return fs::canonical(this->folder_.path()) / "docs"; }
    void write(const std::string& name, std::string_view text) {
        fs::create_directories((folder() / name).parent_path());
        std::ofstream(folder() / name, std::ios::trunc) << text;
    }
    SyncReport run(SyncOptions options = {}) {
        options.remove_gone = true;
        const std::vector<fs::path> roots{folder()};
        auto report = sync(*this->store_, embedder_, "docs", roots, options);
        EXPECT_TRUE(report) << describe(report.error());
        return report ? *report : SyncReport{};
    }
    HashingEmbedder embedder_;
};
TYPED_TEST_SUITE(Ingest, BothStores);

TYPED_TEST(Ingest, OnlyWhatChangedIsReadAgain) {
    this->write("a.md", "# Alpha\n\nThe harbour was built in 1822.\n");
    this->write("b/c.txt", "El faro se apagó.\n");
    this->write("b/broken.pdf", "%PDF-1.4 nothing");
    const auto first = this->run();
    EXPECT_EQ(first.added, 2);
    EXPECT_EQ(first.failed, 1);
    const auto second = this->run();
    EXPECT_EQ(second.unchanged, 3);
    EXPECT_EQ(second.added + second.replaced + second.failed + second.removed, 0);
    this->write("a.md", "# Alpha\n\nThe harbour was rebuilt in 1901.\n");
    fs::remove(this->folder() / "b/c.txt");
    std::vector<std::string> told;
    const auto third = this->run({.on_progress = [&](const Progress& progress) {
        if (progress.changed)
            told.push_back((progress.removed ? "-" : "+") + fs::path(progress.path).filename().string());
    }});
    EXPECT_EQ(third.replaced, 1);
    EXPECT_EQ(third.removed, 1);
    EXPECT_EQ(told, (std::vector<std::string>{"+a.md", "-c.txt"}));

    const auto found = search(*this->store_, "docs", "harbour", HashingEmbedder::vector_of("harbour"));
    ASSERT_TRUE(found);
    ASSERT_EQ(found->size(), 1);
    EXPECT_EQ((*found)[0].citation, (this->folder() / "a.md").string() + ":1-3");
    EXPECT_TRUE((*found)[0].passage.chunk.text.contains("1901"));
    EXPECT_TRUE((*found)[0].rank.words && (*found)[0].rank.vectors);
    EXPECT_TRUE(this->store_->check());
}

TYPED_TEST(Ingest, AnotherModelIsRefusedBeforeAnythingIsRead) {
    this->write("a.md", "text");
    ASSERT_TRUE(this->store_->make_collection("docs", "another", 3));
    const std::vector<fs::path> roots{this->folder()};
    const auto report = sync(*this->store_, this->embedder_, "docs", roots);
    ASSERT_FALSE(report);
    EXPECT_EQ(report.error().field, "model");
}

TYPED_TEST(Ingest, AStopLeavesWholeDocumentsAndTheNextRunGoesOn) {
    for (int i = 0; i < 5; ++i) this->write(std::to_string(i) + ".txt", "text " + std::to_string(i));
    std::stop_source stop;
    const std::vector<fs::path> roots{this->folder()};
    const auto stopped = sync(*this->store_, this->embedder_, "docs", roots,
                              {.on_progress =
                                   [&](const Progress& progress) {
                                       if (progress.done == 2) stop.request_stop();
                                   },
                               .stop = stop.get_token()});
    ASSERT_FALSE(stopped);
    EXPECT_EQ(stopped.error().code, Code::cancelled);
    EXPECT_EQ(this->store_->documents("docs")->size(), 2);
    const auto rest = this->run();
    EXPECT_EQ(rest.unchanged, 2);
    EXPECT_EQ(rest.added, 3);
}

// As a model whose tokens are short where there are no words: it refuses a whole request for one text of it.
class NarrowEmbedder final : public Embedder {
public:
    explicit NarrowEmbedder(std::size_t most) : most_(most) {}
    [[nodiscard]] const std::string& model() const override { return inner_.model(); }
    [[nodiscard]] Result<std::vector<Vector>> embed(std::span<const std::string> texts, Purpose purpose) override {
        for (const auto& text : texts)
            if (text.size() > most_ && !text.contains(' '))
                return fail(Code::invalid_argument, "input (1052 tokens) is too large to process");
        return inner_.embed(texts, purpose);
    }

private:
    HashingEmbedder inner_;
    std::size_t most_;
};

TYPED_TEST(Ingest, ADenseDocumentIsReadInSmallerPieces) {
    this->write("a.md", "text before");
    this->write("b.json", std::string(5000, 'x'));
    this->write("c.md", "text after");
    NarrowEmbedder embedder(560);
    const std::vector<fs::path> roots{this->folder()};
    const auto report = sync(*this->store_, embedder, "docs", roots);
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_EQ(report->added, 3);
    EXPECT_EQ(report->failed, 0);
    EXPECT_GE((*this->store_->document("docs", this->folder() / "b.json"))->chunks, 9);
    EXPECT_TRUE(this->store_->check());
}

TYPED_TEST(Ingest, ADocumentThatTheModelRefusesIsNamedAndTheOthersGoOn) {
    this->write("a.md", "text before");
    this->write("b.json", std::string(5000, 'x'));
    this->write("c.md", "text after");
    NarrowEmbedder embedder(10);
    const std::vector<fs::path> roots{this->folder()};
    std::vector<std::string> troubles;
    const auto report = sync(*this->store_, embedder, "docs", roots, {.on_progress = [&](const Progress& progress) {
        if (!progress.trouble.empty()) troubles.push_back(progress.path + ": " + progress.trouble);
    }});
    ASSERT_TRUE(report) << describe(report.error());
    EXPECT_EQ(report->added, 2);
    EXPECT_EQ(report->failed, 1);
    ASSERT_EQ(troubles.size(), 1);
    EXPECT_EQ(troubles[0], (this->folder() / "b.json").string() + ": input (1052 tokens) is too large to process");
    EXPECT_EQ((*this->store_->document("docs", this->folder() / "b.json"))->chunks, 0);
    const auto again = this->run();
    EXPECT_EQ(again.unchanged, 2);
    EXPECT_EQ(again.failed, 0) << "a model that takes it reads it";
}

TYPED_TEST(Ingest, AModelThatRefusesEverythingEndsTheRunAndNamesTheDocument) {
    ASSERT_TRUE(this->store_->make_collection("docs", "hashed-ngrams", test_dimension));
    this->write("a.md", "xyz");
    NarrowEmbedder embedder(0);
    const std::vector<fs::path> roots{this->folder()};
    const auto report = sync(*this->store_, embedder, "docs", roots);
    ASSERT_FALSE(report);
    EXPECT_TRUE(report.error().message.starts_with((this->folder() / "a.md").string() + ": "))
        << report.error().message;
    EXPECT_TRUE(this->store_->documents("docs")->empty());
}

}  // namespace
}  // namespace sarai::knowledge::ingest_test
