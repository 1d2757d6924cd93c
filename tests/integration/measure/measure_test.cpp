#include <gmock/gmock.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "memory/plan.hpp"
#include "real_engine.hpp"

namespace sarai::memory::measure_test {
namespace {

namespace json = boost::json;
using test::Folder;
using test::RealEngine;
using test::run;
using test::tiny_models;
using testing::HasSubstr;

Result<ModelPlan> measure(const EngineShape& shape) {
    std::vector<std::string> command = {SARAI_BIN_DIR "/sarai-measure"};
    const auto arguments = measure_arguments(shape);
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto ran = run(command);
    return parse_measurement(shape, ran.status, ran.out, ran.err);
}

Bytes line(const ModelPlan& plan, std::string_view what) {
    for (const auto& entry : plan.lines) {
        if (entry.what == what) return entry.bytes;
    }
    return {-1};
}

void write(const std::filesystem::path& path, std::string_view text) {
    std::ofstream(path, std::ios::binary).write(text.data(), static_cast<std::streamsize>(text.size()));
}

std::string replaced(std::string text, std::string_view what, std::string_view with) {
    for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + with.size())) {
        text.replace(at, what.size(), with);
    }
    return text;
}

// The plan may exceed what is measured by what the measuring process cannot see of the server's (25 MB for a tiny
// model), and must never fall short: falling short is how machines run out of memory.
void expect_close(const ModelPlan& plan, const RealEngine& engine) {
    EXPECT_GE(plan.total(), engine.peak()) << to_string(engine.peak());
    EXPECT_LE(plan.total(), engine.rss() + Bytes{25'000'000}) << to_string(plan.total());
}

std::string long_prompt() {
    std::string text;
    while (text.size() < 700) text += "the river runs under the old stone bridge ";
    return text;
}

class PlanOfChatModel : public testing::TestWithParam<const char*> {};

TEST_P(PlanOfChatModel, CoversARealWorkersPeak) {
    for (const int slots : {1, 3}) {
        const EngineShape shape{.model = tiny_models() / (std::string(GetParam()) + ".gguf"),
                                .context_length = 2048 * slots,
                                .parallel = slots};
        const auto plan = measure(shape);
        ASSERT_TRUE(plan) << describe(plan.error());
        const RealEngine engine(
            shape.model, {"--ctx-size", std::to_string(shape.context_length), "--parallel", std::to_string(slots)});
        for (int turn = 0; turn < 3; ++turn) {
            static_cast<void>(
                engine.post("/completion", {{"prompt", long_prompt() + std::to_string(turn)}, {"n_predict", 16}}));
        }
        expect_close(*plan, engine);
    }
}

INSTANTIATE_TEST_SUITE_P(Roles, PlanOfChatModel, testing::Values("solar", "lfm2", "omni"),
                         [](const auto& role) { return std::string(role.param); });

TEST(Plan, CoversAnEmbeddingWorkersPeak) {
    const EngineShape shape{.model = tiny_models() / "embed.gguf", .embedding = true};
    const auto plan = measure(shape);
    ASSERT_TRUE(plan) << describe(plan.error());
    const RealEngine engine(shape.model, {"--embeddings"});
    for (int turn = 0; turn < 3; ++turn) {
        static_cast<void>(engine.post("/v1/embeddings", {{"input", long_prompt().substr(0, 240)}}));
    }
    expect_close(*plan, engine);
}

TEST(Plan, CoversAWorkerThatHasAProjector) {
    const EngineShape shape{
        .model = tiny_models() / "omni.gguf", .mmproj = tiny_models() / "omni-mmproj.gguf", .image_tokens = 64};
    const auto plan = measure(shape);
    ASSERT_TRUE(plan) << describe(plan.error());
    EXPECT_GT(line(*plan, "mmproj"), Bytes{});
    const RealEngine engine(shape.model, {"--mmproj", shape.mmproj->string(), "--image-max-tokens", "64"});
    static_cast<void>(engine.post("/completion", {{"prompt", long_prompt()}, {"n_predict", 16}}));
    json::object part{{"type", "image_url"}, {"image_url", {{"url", test::picture(1280, 960)}}}};
    static_cast<void>(engine.post("/v1/chat/completions",
                                  {{"messages", {{{"role", "user"}, {"content", {part}}}}}, {"max_tokens", 4}}));
    EXPECT_GE(plan->total(), engine.peak()) << to_string(engine.peak());
    EXPECT_LE(plan->total(), engine.peak() + Bytes{25'000'000}) << to_string(plan->total());
}

// The engine's breakdown comes through a declaration of our own; were it wrong, these numbers would be.
TEST(Plan, AgreesWithWhatCanBeCalculated) {
    const auto plan = measure({.model = tiny_models() / "lfm2.gguf", .context_length = 2048});
    ASSERT_TRUE(plan) << describe(plan.error());
    EXPECT_EQ(plan->architecture, "lfm2");
    EXPECT_EQ(plan->trained_context, 8192);
    EXPECT_THAT(plan->engine, testing::StartsWith("0."));
    EXPECT_FALSE(plan->kv_quantisable) << "its heads are 16 long";
    EXPECT_TRUE(measure({.model = tiny_models() / "solar.gguf"})->kv_quantisable) << "and these 32";
    // 2 attention layers × 2048 tokens × (K + V) × 2 heads × 16 values × 2 bytes
    EXPECT_EQ(line(*plan, "kv_cache"), Bytes{2 * 2048 * 2 * 2 * 16 * 2});
    // 2 convolutions × (3 − 1) × 64 values × 4 bytes, with room for 8 checkpoints
    EXPECT_EQ(line(*plan, "recurrent_state"), Bytes{2 * 2 * 64 * 4});
    EXPECT_EQ(line(*plan, "checkpoints"), Bytes{2 * 2 * 64 * 4 * 8});
    const auto file = static_cast<std::int64_t>(std::filesystem::file_size(tiny_models() / "lfm2.gguf"));
    EXPECT_GT(line(*plan, "weights"), Bytes{file - 16384});  // less the metadata
    // A repacked copy is padded to the tiles that the processor multiplies (AMX: 6 % of so small a model).
    EXPECT_LT(line(*plan, "weights"), Bytes{file + file / 8});
    EXPECT_LT(line(*plan, "output"), KiB(64));  // one row of logits, not a batch of them
}

TEST(Plan, GrowsWithTheContextAndTakesThePromptCacheAsGiven) {
    const auto small = measure({.model = tiny_models() / "solar.gguf", .context_length = 1000});
    const auto large =
        measure({.model = tiny_models() / "solar.gguf", .context_length = 2048, .prompt_cache = MiB(100)});
    ASSERT_TRUE(small && large);
    EXPECT_EQ(line(*small, "kv_cache") + line(*small, "kv_cache"), line(*large, "kv_cache"));  // 1000 is padded to 1024
    EXPECT_EQ(line(*small, "prompt_cache"), Bytes{-1});
    EXPECT_EQ(line(*large, "prompt_cache"), MiB(100));
}

struct Bad {
    const char* name;
    Code code;
    const char* words;
    EngineShape (*make)(const Folder&);
};

EngineShape altered(const Folder& folder, std::string bytes) {
    const auto path = folder / "bad.gguf";
    write(path, bytes);
    return {.model = path};
}

std::string solar() { return test::contents(tiny_models() / "solar.gguf"); }

const std::vector<Bad> bad_files = {
    {"Missing", Code::not_found, "no file", [](const Folder& f) { return EngineShape{.model = f / "none.gguf"}; }},
    {"Folder", Code::invalid_argument, "not a file", [](const Folder& f) { return EngineShape{.model = f.path()}; }},
    {"Empty", Code::corrupt_file, "empty", [](const Folder& f) { return altered(f, ""); }},
    {"Garbage", Code::corrupt_file, "not a GGUF", [](const Folder& f) { return altered(f, std::string(5000, 'x')); }},
    {"MagicOnly", Code::corrupt_file, "header", [](const Folder& f) { return altered(f, "GGUF"); }},
    {"CutInTheHeader", Code::corrupt_file, "header",
     [](const Folder& f) { return altered(f, solar().substr(0, 3000)); }},
    {"CutInTheData", Code::corrupt_file, "truncated",
     [](const Folder& f) { return altered(f, solar().substr(0, solar().size() - 4096)); }},
    {"HugeCounts", Code::corrupt_file, "header",
     [](const Folder& f) { return altered(f, "GGUF" + std::string("\3\0\0\0", 4) + std::string(16, '\x7f')); }},
    {"UnknownArchitecture", Code::unsupported, "architecture",
     [](const Folder& f) { return altered(f, replaced(solar(), "llama", "lxama")); }},
    {"RenamedTensor", Code::corrupt_file, "blk.1.ffn_up",
     [](const Folder& f) { return altered(f, replaced(solar(), "blk.1.ffn_up", "blk.1.ffn_ux")); }},
    {"ProjectorAsModel", Code::invalid_argument, "is a multimodal projector",
     [](const Folder&) { return EngineShape{.model = tiny_models() / "omni-mmproj.gguf"}; }},
    {"ModelAsProjector", Code::invalid_argument, "not a multimodal projector",
     [](const Folder&) {
         return EngineShape{.model = tiny_models() / "omni.gguf", .mmproj = tiny_models() / "solar.gguf"};
     }},
    {"NoReranker", Code::invalid_argument, "has no classifier",
     [](const Folder&) {
         return EngineShape{.model = tiny_models() / "embed.gguf", .embedding = true, .rerank = true};
     }},
    {"ForeignProjector", Code::invalid_argument, "does not belong",
     [](const Folder& f) {
         const auto bytes = test::contents(tiny_models() / "omni-mmproj.gguf");
         const std::string key = "clip.vision.projection_dim";
         auto other = bytes;
         other[bytes.find(key) + key.size() + 4] = '\x20';  // behind the value's type: 32 for 64
         write(f / "other.gguf", other);
         return EngineShape{.model = tiny_models() / "omni.gguf", .mmproj = f / "other.gguf"};
     }},
};

class BadFile : public testing::TestWithParam<Bad> {};

TEST_P(BadFile, IsRefusedWithItsOwnReason) {
    const Folder folder;
    const auto plan = measure(GetParam().make(folder));
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, GetParam().code) << describe(plan.error());
    EXPECT_THAT(describe(plan.error()), HasSubstr(GetParam().words));
}

INSTANTIATE_TEST_SUITE_P(Measure, BadFile, testing::ValuesIn(bad_files),
                         [](const auto& bad) { return std::string(bad.param.name); });

// Whatever is in the file, the child ends and the answer is a plan or an error; a crash of the child is such an error.
TEST(HostileFile, CanOnlyKillTheChild) {
    const auto good = solar();
    const Folder folder;
    std::uint64_t state = 42;
    const auto random = [&] { return (state = state * 6364136223846793005ULL + 1442695040888963407ULL) >> 33; };
    int refused = 0;
    for (int round = 0; round < 40; ++round) {
        auto bytes = good;
        for (int i = 0; i < 4; ++i) bytes[4 + random() % 9000] = static_cast<char>(random());
        const auto plan = measure(altered(folder, bytes));
        if (plan) continue;
        ++refused;
        EXPECT_FALSE(plan.error().message.empty());
        EXPECT_NE(plan.error().code, Code::internal) << describe(plan.error());
    }
    EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace sarai::memory::measure_test
