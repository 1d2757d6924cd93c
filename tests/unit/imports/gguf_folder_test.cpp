#include "imports/gguf_folder.hpp"

#include "imports/source.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

namespace sarai::imports::gguf_folder_test {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class GgufFolder : public testing::Test {
protected:
    void file(const std::string& name) { write(folder.path() / name, name); }
    Imported run() { return import_gguf_folder(folder.path(), files.facts()); }

    test::TempFolder folder;
    Files files;
};

}  // namespace

TEST_F(GgufFolder, GivesAModelForEachFile) {
    file("Solar Q4.gguf");
    file("pub/repo/embed.GGUF");
    file("readme.txt");
    files.known["embed.GGUF"] = {.architecture = "bert", .context_length = 512};
    const auto got = run();
    ASSERT_EQ(got.config.models.size(), 2U);
    EXPECT_EQ(got.config.models[0].name, "Solar-Q4");
    EXPECT_EQ(loss_at(got, "Solar Q4.gguf").instead, "ask for Solar-Q4");
    EXPECT_EQ(got.config.models[1].name, "embed");
    EXPECT_EQ(got.config.models[1].kind, config::ModelKind::embedding);
    EXPECT_EQ(got.config.models[1].local->context_length, 512);
    EXPECT_EQ(got.config.models[1].local->path, folder.path() / "pub/repo/embed.GGUF");
}

TEST_F(GgufFolder, TakesSplitFilesAsOne) {
    for (const auto* part : {"1", "2", "3"}) file(std::string("big-0000") + part + "-of-00003.gguf");
    file("half-00001-of-00002.gguf");
    file("lost-00002-of-00002.gguf");
    const auto got = run();
    ASSERT_EQ(got.config.models.size(), 2U);
    EXPECT_EQ(got.config.models[0].name, "big");
    EXPECT_EQ(got.config.models[0].local->path.filename(), "big-00001-of-00003.gguf");
    EXPECT_EQ(loss_at(got, "half-00001-of-00002.gguf").value, "1 of 2 parts");
    EXPECT_THAT(loss_at(got, "lost-00002-of-00002.gguf").why, HasSubstr("first part"));
    EXPECT_EQ(got.losses.size(), 2U);
}

TEST_F(GgufFolder, PairsProjectorsWithTheModelsBesideThem) {
    file("omni-7b-Q4.gguf");
    file("omni-7b-Q8.gguf");
    file("text.gguf");
    file("mmproj-omni-7b-f16.gguf");
    file("one/vision.gguf");
    file("one/mmproj-model-f16.gguf");
    const auto got = run();
    EXPECT_THAT(got.losses, IsEmpty());
    EXPECT_EQ(got.config.find("omni-7b-Q4")->local->mmproj, folder.path() / "mmproj-omni-7b-f16.gguf");
    EXPECT_EQ(got.config.find("omni-7b-Q8")->local->mmproj, folder.path() / "mmproj-omni-7b-f16.gguf");
    EXPECT_FALSE(got.config.find("text")->local->mmproj);
    EXPECT_EQ(got.config.find("vision")->local->mmproj, folder.path() / "one/mmproj-model-f16.gguf");
}

TEST_F(GgufFolder, KnowsAProjectorByWhatItSaysAndSaysWhereItFitsNobody) {
    file("a.gguf");
    file("b.gguf");
    file("eyes.gguf");
    files.known["eyes.gguf"] = {.architecture = "clip", .is_projector = true};
    const auto got = run();
    EXPECT_EQ(got.config.models.size(), 2U);
    EXPECT_EQ(loss_at(got, "eyes.gguf").instead, "set mmproj of that model");
}

TEST_F(GgufFolder, GivesEveryModelANameOfItsOwn) {
    file("a/same.gguf");
    file("b/same.gguf");
    file("auto.gguf");
    const auto got = run();
    EXPECT_NE(got.config.find("same"), nullptr);
    EXPECT_NE(got.config.find("same-2"), nullptr);
    EXPECT_NE(got.config.find("auto-2"), nullptr);
    EXPECT_EQ(loss_at(got, "b/same.gguf").why, "is a name that is taken");
}

TEST_F(GgufFolder, IsRecognisedOnlyWithFiles) {
    const auto nothing = recognise(folder.path());
    ASSERT_FALSE(nothing);
    EXPECT_EQ(nothing.error().code, Code::invalid_argument);
    EXPECT_THAT(nothing.error().message, HasSubstr("*.gguf"));
    file("x.gguf");
    EXPECT_EQ(recognise(folder.path())->kind, SourceKind::gguf);
    EXPECT_THAT(recognise(folder.path(), SourceKind::ollama).error().message, HasSubstr("manifests"));
    EXPECT_THAT(recognise(folder.path() / "nowhere").error().message, HasSubstr("does not exist"));
    EXPECT_EQ(recognise(folder.path() / "nowhere").error().hint, "");
    EXPECT_THAT(recognise(folder.path() / ".ollama/models").error().hint,
                HasSubstr("/usr/share/ollama/.ollama/models"));
    std::filesystem::create_directory(folder.path() / ".ollama");  // of a user whose server runs as a service
    EXPECT_THAT(recognise(folder.path() / ".ollama").error().hint, HasSubstr("OLLAMA_MODELS"));
    write(folder.path() / "swap.yaml", "models: {a: {cmd: x}}");
    EXPECT_EQ(recognise(folder.path() / "swap.yaml")->kind, SourceKind::llama_swap);
    write(folder.path() / "sarai.yaml", "models: {a: {path: x}}");
    EXPECT_FALSE(recognise(folder.path() / "sarai.yaml"));
}

}  // namespace sarai::imports::gguf_folder_test
