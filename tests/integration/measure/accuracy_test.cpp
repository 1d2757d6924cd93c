// Plans against what real workers take, over everything that decides it: the small sister of bench/memory. Workers get
// the flags that sarai gives them.
#include <gmock/gmock.h>

#include <fmt/format.h>

#include <future>
#include <string>
#include <vector>

#include "engine/worker_args.hpp"
#include "real_engine.hpp"

namespace sarai::memory::accuracy_test {
namespace {

namespace json = boost::json;
using test::RealEngine;
using test::tiny_models;

// What a worker of a tiny model takes besides its weights moves by a few MB from run to run, with the number of
// connections and with where the allocator puts things.
constexpr Bytes slack{2'000'000};
// What the measuring child cannot see of the server's process, and scratch memory that these prompts do not reach.
// Measured: 1 to 6 MiB above.
constexpr Bytes most_above{25'000'000};

struct Case {
    const char* role;
    int context;
    const char* kv_type;
    int slots;
    LoadMode load_mode;
};

std::string name_of(const testing::TestParamInfo<Case>& info) {
    const auto& c = info.param;
    return fmt::format("{}_{}_{}_{}slots_{}", c.role, c.context, c.kv_type, c.slots,
                       sarai::memory::name_of(c.load_mode));
}

engine::WorkerSpec spec_of(const Case& c) {
    const std::string_view role = c.role;
    const auto kind = role == "embed"    ? config::ModelKind::embedding
                      : role == "rerank" ? config::ModelKind::rerank
                                         : config::ModelKind::chat;
    const config::LocalModel local{.path = tiny_models() / fmt::format("{}.gguf", c.role),
                                   .mmproj = {},
                                   .context_length = c.context,
                                   .parallel = c.slots,
                                   .threads = 2,
                                   .kv_cache_type = c.kv_type,
                                   .load_mode = std::string(sarai::memory::name_of(c.load_mode))};
    return {.name = c.role, .shape = engine::shape_of(local, kind), .threads = local.threads};
}

json::array tokens(int count, int seed) {
    json::array ids;
    for (int i = 0; i < count; ++i) ids.emplace_back(40 + (i * 7 + seed * 31) % 200);
    return ids;
}

// All slots at once: one with more than a micro-batch, or for embedders each with the longest input.
void drive(const RealEngine& engine, const EngineShape& shape, int trained_context) {
    const int room = std::min(trained_context, std::max(256, shape.context_length / shape.parallel)) - 16;
    std::vector<std::future<json::value>> answers;
    for (int slot = 0; slot < shape.parallel; ++slot) {
        const int count = shape.embedding ? room : slot == 0 ? std::min(room, 300) : 12;
        answers.push_back(std::async(std::launch::async, [&engine, &shape, ids = tokens(count, slot)] {
            if (shape.rerank)  // a token is a byte
                return engine.post("/v1/rerank", {{"query", "q"}, {"documents", {std::string(ids.size(), 'x')}}});
            return shape.embedding ? engine.post("/v1/embeddings", {{"input", ids}})
                                   : engine.post("/completion", {{"prompt", ids}, {"n_predict", 4}});
        }));
    }
    for (auto& answer : answers) static_cast<void>(answer.get());
}

Result<ModelPlan> plan_of(const EngineShape& shape) {
    std::vector<std::string> command = {SARAI_BIN_DIR "/sarai-measure"};
    const auto arguments = measure_arguments(shape);
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto ran = test::run(command);
    return parse_measurement(shape, ran.status, ran.out, ran.err);
}

class Accuracy : public testing::TestWithParam<Case> {};

TEST_P(Accuracy, ThePlanIsWhatTheWorkerTakes) {
    auto spec = spec_of(GetParam());
    const auto plan = plan_of(spec.shape);
    ASSERT_TRUE(plan) << describe(plan.error());
    spec.shape = within_trained_context(spec.shape, plan->trained_context);

    const RealEngine engine([&](const auto& socket) { return engine::worker_arguments(spec, socket); });
    drive(engine, spec.shape, plan->trained_context);
    const auto figures = fmt::format("plan {}, peak {}", to_string(plan->total()), to_string(engine.peak()));
    EXPECT_GE(plan->total(), engine.peak() - slack) << figures;
    EXPECT_LE(plan->total(), engine.peak() + most_above) << figures;
}

using enum LoadMode;
// Each value of each dimension with several of the others. Quantised caches need heads of 32 values, which only one of
// the tiny models has.
INSTANTIATE_TEST_SUITE_P(Tiny, Accuracy,
                         testing::Values(Case{"solar", 512, "f16", 1, copy}, Case{"solar", 2048, "q8_0", 4, copy},
                                         Case{"solar", 8192, "q8_0", 1, mmap},
                                         Case{"solar", 8192, "f16", 4, engine_default},
                                         Case{"lfm2", 512, "f16", 4, mmap}, Case{"lfm2", 8192, "f16", 1, copy},
                                         Case{"omni", 2048, "f16", 1, engine_default},
                                         Case{"omni", 8192, "f16", 4, copy}, Case{"embed", 512, "f16", 1, copy},
                                         Case{"embed", 512, "f16", 4, engine_default},
                                         Case{"embed", 8192, "f16", 4, mmap}, Case{"embed", 8192, "f16", 1, copy},
                                         Case{"rerank", 512, "f16", 1, copy}, Case{"rerank", 8192, "f16", 4, mmap}),
                         &name_of);

// The mapped file and the repacked copy are separate lines: the kernel can drop the one and not the other.
TEST(Plan, TellsMappedWeightsFromThoseInAnonymousMemory) {
    const auto plan = [](LoadMode mode) { return plan_of(spec_of({"solar", 512, "f16", 1, mode}).shape).value(); };
    const auto line = [](const ModelPlan& made, std::string_view what) {
        for (const auto& entry : made.lines)
            if (entry.what == what) return entry.bytes;
        return Bytes{};
    };
    const Bytes file{static_cast<std::int64_t>(std::filesystem::file_size(tiny_models() / "solar.gguf"))};
    EXPECT_EQ(line(plan(copy), "weights_mapped"), Bytes{});
    EXPECT_EQ(line(plan(mmap), "weights_mapped"), file);
    EXPECT_EQ(line(plan(mmap), "weights"), Bytes{});
    EXPECT_EQ(line(plan(engine_default), "weights_mapped"), file);
    EXPECT_LT(line(plan(engine_default), "weights"), line(plan(copy), "weights"));
}

}  // namespace
}  // namespace sarai::memory::accuracy_test
