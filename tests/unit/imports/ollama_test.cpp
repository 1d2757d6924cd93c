#include "imports/ollama.hpp"

#include <fmt/format.h>

#include "base/sha256.hpp"
#include "imports/source.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

namespace sarai::imports::ollama_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// A folder as Ollama lays it out.
class OllamaFolder : public testing::Test {
protected:
    std::string blob(const std::string& content) {
        const auto hex = sha256_hex(content);
        write(folder.path() / "blobs" / ("sha256-" + hex), content);
        return "sha256:" + hex;
    }
    [[nodiscard]] std::filesystem::path path_of(const std::string& content) const {
        return folder.path() / "blobs" / ("sha256-" + sha256_hex(content));
    }
    void manifest(const std::string& name, const std::map<std::string, std::string>& layers) {
        std::string text;
        for (const auto& [type, digest] : layers)
            text += fmt::format(R"({}{{"mediaType":"application/vnd.ollama.image.{}","digest":"{}","size":1}})",
                                text.empty() ? "" : ",", type, digest);
        write(
            folder.path() / "manifests" / name,
            fmt::format(R"({{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.v2+json",)"
                        R"("config":{{"mediaType":"application/vnd.docker.container.image.v1+json"}},"layers":[{}]}})",
                        text));
    }
    Imported run() { return import_ollama(folder.path(), files.facts()); }

    test::TempFolder folder;
    Files files;
};

constexpr auto tiny = "registry.ollama.ai/library/tiny/latest";

}  // namespace

TEST_F(OllamaFolder, IsRecognisedWithItsParentAsWell) {
    manifest(tiny, {{"model", blob("weights")}});
    EXPECT_EQ(recognise(folder.path())->kind, SourceKind::ollama);
    const test::TempFolder parent;
    std::filesystem::create_directory_symlink(folder.path(), parent.path() / "models");
    EXPECT_EQ(recognise(parent.path())->place, parent.path() / "models");
}

TEST_F(OllamaFolder, GivesModelsThatPointToBlobsAsTheyLie) {
    manifest(tiny, {{"model", blob("weights")}, {"projector", blob("eyes")}, {"license", blob("MIT")}});
    manifest("hf.co/org/repo/Q4_K_M", {{"model", blob("other")}});
    manifest("registry.ollama.ai/me/mine/8b", {{"model", blob("weights")}});
    const auto got = run();
    EXPECT_THAT(got.losses, IsEmpty());
    ASSERT_EQ(got.config.models.size(), 3U);
    EXPECT_EQ(got.config.models[0].name, "hf.co/org/repo:Q4_K_M");
    EXPECT_EQ(got.config.models[1].name, "tiny");
    EXPECT_EQ(got.config.models[2].name, "me/mine:8b");
    const auto& model = *got.config.find("tiny");
    EXPECT_EQ(model.local->path, path_of("weights"));
    EXPECT_EQ(model.local->mmproj, path_of("eyes"));
    EXPECT_EQ(model.local->context_length, 4096);
    EXPECT_EQ(model.ttl, std::chrono::minutes(5));
    EXPECT_THAT(got.notes.at("tiny"), testing::Contains("license: " + path_of("MIT").string()));
}

TEST_F(OllamaFolder, KnowsWhatAModelIsForByItsFile) {
    manifest(tiny, {{"model", blob("weights")}});
    files.known[path_of("weights").filename().string()] = {.architecture = "bert", .context_length = 512};
    const auto got = run();
    EXPECT_EQ(got.config.models[0].kind, config::ModelKind::embedding);
    EXPECT_EQ(got.config.models[0].local->context_length, 512);
}

TEST_F(OllamaFolder, TakesParametersAsDefaultsOfTheWorker) {
    manifest(tiny, {{"model", blob("weights")},
                    {"params", blob(R"({"num_ctx":8192,"num_thread":3,"temperature":0.7,"top_k":20,)"
                                    R"("stop":["<|end|>"],"num_gpu":1,"num_batch":"x"})")}});
    const auto got = run();
    const auto& local = *got.config.models[0].local;
    EXPECT_EQ(local.context_length, 8192);
    EXPECT_EQ(local.threads, 3);
    EXPECT_THAT(local.extra_args, ElementsAre("--temp", "0.7", "--top-k", "20"));
    EXPECT_EQ(keys_of(got), "tiny: parameter num_gpu\ntiny: parameter num_batch\ntiny: parameter stop\n");
    EXPECT_THAT(loss_at(got, "tiny: parameter stop").instead, HasSubstr("\"from\": \"tiny\""));
}

TEST_F(OllamaFolder, NamesWhatAConfigurationHasNoPlaceFor) {
    manifest(tiny, {{"model", blob("weights")}, {"template", blob("{{ .Prompt }}")}, {"system", blob("Be short.")}});
    auto got = run();
    EXPECT_EQ(keys_of(got), "tiny: system\n");  // the file has a template of its own
    EXPECT_EQ(loss_at(got, "tiny: system").value, "Be short.");
    files.known[path_of("weights").filename().string()] = {.architecture = "llama"};
    EXPECT_EQ(keys_of(run()), "tiny: template\ntiny: system\n");
}

TEST_F(OllamaFolder, LeavesOutWhatCannotBeServed) {
    manifest("registry.ollama.ai/library/cloudy/latest", {});
    manifest("registry.ollama.ai/library/half/latest", {{"model", "sha256:" + std::string(64, 'a')}});
    manifest("registry.ollama.ai/library/tuned/latest", {{"adapter", blob("lora")}, {"model", blob("weights")}});
    manifest("registry.ollama.ai/library/evil/latest", {{"model", "sha256:../../../etc/passwd"}});
    write(folder.path() / "manifests/registry.ollama.ai/library/bad/latest", "{");
    write(folder.path() / "manifests/stray", "{}");
    const auto got = run();
    EXPECT_THAT(got.config.models, IsEmpty());
    EXPECT_EQ(keys_of(got), "manifests/stray\nbad\ncloudy\nevil: model\nhalf: model\ntuned: adapter\n");
}

}  // namespace sarai::imports::ollama_test
