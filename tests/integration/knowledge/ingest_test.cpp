#include "knowledge/ingest.hpp"

#include <fstream>

#include "knowledge/search.hpp"
#include "stores.hpp"

namespace sarai::knowledge {
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

}  // namespace
}  // namespace sarai::knowledge
