#include "cli/import_view.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "config/file.hpp"
#include "config/load.hpp"
#include "imports/llama_swap.hpp"
#include "support.hpp"

namespace sarai::cli::import_view_test {
namespace {

using testing::HasSubstr;
using testing::Not;

imports::Imported published() {
    const auto text = config::read_text(std::filesystem::path(SARAI_TEST_DATA) / "import/llama-swap.yaml").value();
    const config::Environment environment{
        {{"HOME", "/home/ann"}, {"SWAP_KEY", "sk-second"}, {"CLOUD_KEY", "sk-cloud"}}};
    return imports::import_llama_swap(
        config::parse_yaml(text).value(), "/here", environment,
        [](const auto&) -> Result<memory::ModelFacts> { return fail(Code::not_found, "it is not there"); });
}

}  // namespace

TEST(ImportView, TheConfigurationIsValidAndSaysTheSame) {
    const auto imported = published();
    const auto yaml = import_yaml(imported, "llama-swap.yaml (llama-swap)");
    const auto config = config::load_text(yaml, "/elsewhere", {});
    ASSERT_TRUE(config) << config::report("import", config.error()) << yaml;
    ASSERT_EQ(config->models.size(), imported.config.models.size());
    for (std::size_t i = 0; i < config->models.size(); ++i) {
        EXPECT_EQ(config->models[i].name, imported.config.models[i].name);
        EXPECT_EQ(config->models[i].local, imported.config.models[i].local) << config->models[i].name;
    }
    EXPECT_EQ(config->access, imported.config.access);
    EXPECT_EQ(config->memory.policy, "lru");
    EXPECT_THAT(yaml, HasSubstr("#   models.big.cmd -ngl 99: sarai plans and computes in RAM; without a GPU"));
    for (const auto* secret : {"sk-first", "sk-second", "sk-cloud"}) EXPECT_THAT(yaml, Not(HasSubstr(secret)));
}

TEST(ImportView, HostileTextStaysWithinItsComment) {
    imports::Imported imported;
    imported.config.models.push_back({.name = "a", .local = config::LocalModel{}});
    imported.config.models.back().local->path = "/x/${HOME}\"\\.gguf";
    imported.notes["a"] = {"license: x\nmodels: {}\x1b[2J"};
    imported.losses.push_back({"k\n", "v\nevil: 1", "why\r", "instead\n"});
    const auto config = config::load_text(import_yaml(imported, "p\nath"), "/", {});
    ASSERT_TRUE(config) << config::report("import", config.error());
    EXPECT_EQ(config->models.front().local->path, "/x/${HOME}\"\\.gguf");
    EXPECT_EQ(losses_text(imported, {}), "no equivalent:\n  k\\n v\\nevil: 1: why\\x0d; instead\\n\n");
}

TEST(ImportView, PrintsJson) {
    const auto imported = published();
    const auto json = boost::json::parse(import_json(imported, "from", "yaml: 1\n", "{\"fits\": true}\n")).as_object();
    EXPECT_EQ(json.at("models").as_array().size(), imported.config.models.size());
    EXPECT_EQ(json.at("no_equivalent").as_array().size(), imported.losses.size());
    EXPECT_EQ(json.at("configuration"), "yaml: 1\n");
    EXPECT_EQ(json.at("plan").at("fits"), true);
    EXPECT_TRUE(boost::json::parse(import_json(imported, "from", "", "")).at("plan").is_null());
}

TEST(ImportView, TheCommandHandsOverWhatItWasGiven) {
    World world;
    EXPECT_EQ(world.run({"import", "some/path", "-o", "out.yaml", "--from", "gguf", "--force", "--json"}), 42);
    EXPECT_EQ(world.imported.path, "some/path");
    EXPECT_EQ(world.imported.output, "out.yaml");
    EXPECT_EQ(world.imported.from, "gguf");
    EXPECT_TRUE(world.imported.force);
    EXPECT_TRUE(world.imported.json);
    World wrong;
    EXPECT_EQ(wrong.run({"import"}), 2);
    EXPECT_EQ(wrong.run({"import", "x", "--from", "vllm"}), 2);
    EXPECT_TRUE(wrong.called.empty());
}

}  // namespace sarai::cli::import_view_test
