#include <fstream>
#include <iterator>
#include <map>
#include <random>

#include "config/keys.hpp"
#include "support.hpp"

namespace sarai::config::reference_test {
namespace {

const std::filesystem::path folder = SARAI_SOURCE_DIR "/config";

std::string slurp(const std::filesystem::path& file) {
    std::ifstream stream(file);
    return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace

TEST(ReferenceConfig, IsValidAndMeansTheReferenceSystem) {
    const auto config = load(folder / "sarai.yaml", environment({{"OLLAMA_BASE_URL", "http://lan-box:11434/"}}));
    ASSERT_TRUE(config.has_value()) << report("sarai.yaml", config.error());
    EXPECT_EQ(config->file, folder / "sarai.yaml");
    EXPECT_EQ(config->server.address, "127.0.0.1");
    EXPECT_EQ(config->server.port, 11435);
    EXPECT_EQ(config->memory.max_ram, GiB(12));
    EXPECT_EQ(config->memory.max_concurrent_llms, 3);
    EXPECT_EQ(config->estimates.native, Bytes{19'100'000'000});
    EXPECT_EQ(config->estimates.hybrid, Bytes{7'500'000'000});
    EXPECT_EQ(config->estimates.system, Bytes{1'500'000'000});
    ASSERT_EQ(config->models.size(), 4U);
    EXPECT_EQ(config->models[0].name, "solar");
    EXPECT_EQ(config->models[3].name, "embed");

    const Model& solar = config->models[0];
    ASSERT_TRUE(solar.remote && solar.local);
    EXPECT_EQ(solar.remote->kind, BackendKind::ollama_http);
    EXPECT_EQ(solar.remote->model, "solar:10.7b");
    ASSERT_EQ(solar.remote->endpoints.size(), 1U);
    EXPECT_EQ(solar.remote->endpoints[0].url, "http://lan-box:11434");
    EXPECT_EQ(solar.remote->endpoints[0].name, "lan-box:11434");
    EXPECT_EQ(solar.remote->context_length, 2048);
    EXPECT_EQ(solar.local->path, std::filesystem::path(SARAI_SOURCE_DIR) / "models/solar.gguf");

    const Model* embed = config->find("embed");
    ASSERT_NE(embed, nullptr);
    EXPECT_EQ(embed->kind, ModelKind::embedding);
    EXPECT_TRUE(embed->pinned && embed->preload && embed->local && !embed->remote);
    EXPECT_EQ(config->find("cloud"), nullptr);
}

TEST(ReferenceConfig, IsStillValidWithItsCommentedModelSwitchedOn) {
    std::string text = slurp(folder / "sarai.yaml");
    const auto start = text.find("  # cloud:");
    ASSERT_NE(start, std::string::npos);
    for (auto at = start; (at = text.find("\n  # ", at)) != std::string::npos;) text.replace(at, 5, "\n  ");
    text.replace(start, 4, "  ");
    const Config config = valid(text, environment({{"KEY", "k"}}));
    ASSERT_NE(config.find("cloud"), nullptr);
    EXPECT_EQ(config.find("cloud")->remote->endpoints[0].api_key, "k");
    EXPECT_EQ(config.find("cloud")->remote->budgets.connect, 500ms);
}

TEST(ReferenceConfig, HasAnExampleOfItsDotenvThatIsRead) {
    std::vector<Problem> problems;
    const auto variables = read_dotenv(folder / ".env.example", problems);
    EXPECT_TRUE(problems.empty());
    EXPECT_EQ(variables.variables.size(), 3U);
    EXPECT_EQ(valid(slurp(folder / "sarai.yaml"), variables).models[0].remote->endpoints[0].url,
              "http://192.168.1.20:11434");
}

// A fixed seed, so that a failure comes back: the numbers of the C++ standard's mt19937 are the same everywhere.
TEST(ReferenceConfig, NeverCrashesTheReaderHoweverItIsDamaged) {
    const std::string original = slurp(folder / "sarai.yaml");
    std::mt19937 random(20240229);  // NOLINT(cert-msc51-cpp)
    constexpr std::string_view marks = "{}[]:,&*#?|>-\"'%@`!\n\t $\\~\x80\xff";
    int refused = 0;
    for (int round = 0; round < 400; ++round) {
        std::string text = original;
        for (unsigned flips = random() % 8 + 1; flips > 0; --flips) {
            text[random() % text.size()] =
                random() % 2 == 0 ? static_cast<char>(random() % 256) : marks[random() % marks.size()];
        }
        if (round % 3 == 0) text.resize(random() % text.size());
        const auto config = load_text(text, "/etc/sarai", {});
        if (config) continue;
        ++refused;
        ASSERT_FALSE(config.error().empty());
        for (const auto& problem : config.error()) {
            EXPECT_FALSE(to_string(problem).empty());
            EXPECT_FALSE(to_string(problem).contains('\n'));
        }
    }
    EXPECT_GT(refused, 200);
}

TEST(ConfigKeys, DescribeEveryRowAndGiveADefaultThatTheKeyItselfAccepts) {
    for (const Key& key : keys()) {
        EXPECT_FALSE(key.description.empty()) << key.path;
        EXPECT_FALSE(expected_of(key).empty()) << key.path;
        const bool scalar = key.apply != nullptr;
        EXPECT_EQ(scalar, key.type != Type::section && key.type != Type::named && key.type != Type::section_list)
            << key.path;
    }
}

TEST(ConfigKeys, StateTheDefaultsThatTheStructsHave) {
    std::string text;
    for (const std::string section : {"server", "memory", "engine"}) {
        text += section + ":\n";
        for (const Key& key : keys()) {
            if (key.path.starts_with(section + ".") && !key.fallback.empty()) {
                text +=
                    "  " + std::string(key.path.substr(section.size() + 1)) + ": " + std::string(key.fallback) + "\n";
            }
        }
    }
    std::string model = "backend: ollama_http, fallback: gguf_native, path: m.gguf";
    std::map<std::string, std::string> inner{{"endpoints[]", "url: http://box:1"}};  // section → its keys
    for (const Key& key : keys()) {
        if (key.fallback.empty() || !key.path.starts_with("models.*.")) continue;
        if (key.scope == Scope::whisper) continue;  // of another backend
        const std::string path(key.path.substr(9));
        const auto dot = path.find('.');
        if (dot == std::string::npos)
            model += ", " + path + ": " + std::string(key.fallback);
        else
            inner[path.substr(0, dot)] += (inner[path.substr(0, dot)].empty() ? "" : ", ") + path.substr(dot + 1) +
                                          ": " + std::string(key.fallback);
    }
    for (const auto& [section, all] : inner)
        model += section.ends_with("[]") ? ", " + section.substr(0, section.size() - 2) + ": [{" + all + "}]"
                                         : ", " + section + ": {" + all + "}";
    const Config given = valid(text + as_model(model));
    const Config bare =
        valid(as_model("backend: ollama_http, fallback: gguf_native, path: m.gguf, endpoints: [{url: http://box:1}]"));
    EXPECT_EQ(given.server.heartbeat, bare.server.heartbeat);
    EXPECT_EQ(given.models[0].queue.length, bare.models[0].queue.length);
    EXPECT_EQ(given.models[0].queue.max_wait, bare.models[0].queue.max_wait);
    EXPECT_EQ(given.models[0].remote->wan, bare.models[0].remote->wan);
    EXPECT_EQ(given.models[0].remote->endpoints[0].capacity, bare.models[0].remote->endpoints[0].capacity);
    EXPECT_EQ(given.models[0].warm_takeover, bare.models[0].warm_takeover);
    EXPECT_EQ(given.models[0].hedge, bare.models[0].hedge);
    EXPECT_EQ(given.models[0].remote->endpoints[0].wake_address, bare.models[0].remote->endpoints[0].wake_address);
    EXPECT_EQ(given.models[0].remote->endpoints[0].weight, bare.models[0].remote->endpoints[0].weight);
    EXPECT_EQ(given.server.port, bare.server.port);
    EXPECT_EQ(given.server.address, bare.server.address);
    EXPECT_EQ(given.server.max_request_body, bare.server.max_request_body);
    EXPECT_EQ(given.server.header_timeout, bare.server.header_timeout);
    EXPECT_EQ(given.server.drain_timeout, bare.server.drain_timeout);
    EXPECT_EQ(given.memory.reserve, bare.memory.reserve);
    EXPECT_EQ(given.memory.max_concurrent_llms, bare.memory.max_concurrent_llms);
    EXPECT_EQ(given.memory.strategy, bare.memory.strategy);
    EXPECT_EQ(given.memory.policy, bare.memory.policy);
    EXPECT_EQ(given.memory.enforcement, bare.memory.enforcement);
    EXPECT_EQ(given.engine.server_binary, bare.engine.server_binary);
    const auto& a = given.models[0];
    const auto& b = bare.models[0];
    EXPECT_EQ(a.kind, b.kind);
    EXPECT_EQ(a.pinned, b.pinned);
    EXPECT_EQ(a.preload, b.preload);
    EXPECT_EQ(a.local->context_length, b.local->context_length);
    EXPECT_EQ(a.local->parallel, b.local->parallel);
    EXPECT_EQ(a.local->threads, b.local->threads);
    EXPECT_EQ(a.local->prompt_cache, b.local->prompt_cache);
    EXPECT_EQ(a.local->load_timeout, b.local->load_timeout);
    EXPECT_EQ(a.local->kv_cache_type, b.local->kv_cache_type);
    EXPECT_EQ(a.local->min_context_length, b.local->min_context_length);
    EXPECT_EQ(a.local->load_mode, b.local->load_mode);
    EXPECT_EQ(a.local->batch, b.local->batch);
    EXPECT_EQ(a.priority, b.priority);
    EXPECT_EQ(a.ttl, b.ttl);
    EXPECT_EQ(a.remote->budgets.connect, b.remote->budgets.connect);
    EXPECT_EQ(a.remote->budgets.first_token, b.remote->budgets.first_token);
    EXPECT_EQ(a.remote->budgets.silence, b.remote->budgets.silence);
    EXPECT_EQ(a.remote->budgets.total, b.remote->budgets.total);
}

TEST(ConfigKeys, NameTheEnvironmentVariablesThatOverrideThem) {
    EXPECT_EQ(environment_of(*find_key("memory.max_concurrent_llms")),
              (std::vector<std::string>{"SARAI_MEMORY_MAX_CONCURRENT_LLMS", "MAX_CONCURRENT_LLMS"}));
    EXPECT_EQ(environment_of(*find_key("server.listen")), std::vector<std::string>{"SARAI_SERVER_LISTEN"});
    EXPECT_TRUE(environment_of(*find_key("models.*.path")).empty());
    EXPECT_TRUE(environment_of(*find_key("estimates.native")).empty());
    EXPECT_TRUE(environment_of(*find_key("server")).empty());
}

}  // namespace sarai::config::reference_test
