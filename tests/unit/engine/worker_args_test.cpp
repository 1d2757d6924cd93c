#include "engine/worker_args.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sarai::engine::worker_args_test {
namespace {

std::string line_of(const WorkerSpec& spec) {
    return fmt::format("{}", fmt::join(worker_arguments(spec, "/run/1.sock"), " "));
}

config::LocalModel local(int context_length) {
    return {.path = "/models/m.gguf", .mmproj = {}, .context_length = context_length};
}

}  // namespace

TEST(WorkerArguments, SetEveryFlagThatCostsMemory) {
    EXPECT_EQ(
        line_of({.name = "lfm2", .shape = shape_of(local(2048), config::ModelKind::chat)}),
        "--model /models/m.gguf --alias lfm2 --host /run/1.sock --ctx-size 2048 --parallel 1 --batch-size 256 "
        "--ubatch-size 256 --cache-ram 0 --ctx-checkpoints 8 --cache-type-k f16 --cache-type-v f16 --fit off "
        "--sse-ping-interval 1 --log-verbosity 2 --jinja --no-webui --offline --no-slots --load-mode none --no-mmproj");
}

TEST(WorkerEnvironment, AThreadForEachCoreStaysOnItsOwn) {
    const auto of = [](int threads) { return worker_environment(threads, {{0, 4}, {1, 5}, {2}}); };
    using testing::Contains;
    using testing::Key;
    using testing::Pair;
    EXPECT_THAT(of(3), Contains(Pair("OMP_PLACES", "{0,4},{1,5},{2}")));
    EXPECT_THAT(of(3), Contains(Pair("OMP_PROC_BIND", "true")));
    EXPECT_THAT(of(3), Contains(Pair("GOMP_SPINCOUNT", "30000")));
    // With fewer, or more, each would sit on a core that somebody else may have as well.
    for (const int threads : {1, 2, 4}) {
        EXPECT_THAT(of(threads), testing::Not(Contains(Key("OMP_PLACES"))));
        EXPECT_THAT(of(threads), Contains(Pair("OMP_PROC_BIND", "false"))) << "whatever sarai was started with";
        EXPECT_THAT(of(threads), Contains(Pair("GOMP_SPINCOUNT", "500")));
    }
    EXPECT_THAT(worker_environment(1, {{0}}), testing::Not(Contains(Key("OMP_PLACES"))));
}

TEST(WorkerArguments, OfAModelThatHearsAreItsFileAndItsSocket) {
    const config::LocalModel ear{.path = "/models/ggml-base.bin", .whisper = true, .mmproj = {}};
    const auto shape = shape_of(ear, config::ModelKind::transcription);
    EXPECT_TRUE(shape.whisper);
    EXPECT_FALSE(shape.embedding);
    EXPECT_EQ(line_of({.name = "ear", .shape = shape, .threads = 3}),
              "--model /models/ggml-base.bin --socket /run/1.sock --threads 3");
}

TEST(WorkerArguments, FollowTheLoadModeAndTheTypeOfTheCache) {
    auto configured = local(2048);
    configured.kv_cache_type = "q8_0";
    configured.load_mode = "mmap";
    configured.batch = 512;
    const auto line = line_of({.name = "m", .shape = shape_of(configured, config::ModelKind::chat)});
    for (const auto* part : {"--cache-type-k q8_0 --cache-type-v q8_0", "--load-mode mmap --no-repack --flash-attn on",
                             "--batch-size 512 --ubatch-size 512"})
        EXPECT_THAT(line, testing::HasSubstr(part));
    configured.load_mode = "compact";  // what it is not is in what it is started in
    EXPECT_THAT(line_of({.name = "m", .shape = shape_of(configured, config::ModelKind::chat)}),
                testing::HasSubstr("--load-mode none"));
    configured.load_mode = "engine_default";
    EXPECT_THAT(line_of({.name = "m", .shape = shape_of(configured, config::ModelKind::chat)}),
                testing::Not(testing::HasSubstr("--no-repack")));
}

TEST(WorkerArguments, RoundThePromptCacheUpToWholeMiB) {
    auto configured = local(2048);
    configured.prompt_cache = MiB(3) + Bytes{1};
    EXPECT_THAT(line_of({.name = "m", .shape = shape_of(configured, config::ModelKind::chat)}),
                testing::HasSubstr("--cache-ram 4 "));
}

TEST(WorkerArguments, LimitImagesWhereThereIsAProjector) {
    auto configured = local(2048);
    configured.mmproj = "/models/p.gguf";
    EXPECT_THAT(line_of({.name = "m", .shape = shape_of(configured, config::ModelKind::chat)}),
                testing::HasSubstr("--mmproj /models/p.gguf --image-max-tokens 512"));
}

TEST(WorkerArguments, SpreadLayersOverNodes) {
    auto configured = local(2048);
    configured.nodes = {"a:1", "b:2"};
    EXPECT_THAT(line_of({.name = "m", .shape = shape_of(configured, config::ModelKind::chat)}),
                testing::HasSubstr("--rpc a:1,b:2 --tensor-split 1,1 --n-gpu-layers all"));
    configured.split = {3, 1};
    EXPECT_THAT(line_of({.name = "m", .shape = shape_of(configured, config::ModelKind::chat)}),
                testing::HasSubstr("--tensor-split 3,1"));
}

TEST(Shape, LeavesAQuarterOfASmallSlotToTextBesideAPicture) {
    auto configured = local(512);
    configured.mmproj = "/models/p.gguf";
    EXPECT_EQ(shape_of(configured, config::ModelKind::chat).image_tokens, 384);
    configured.parallel = 4;
    EXPECT_EQ(shape_of(configured, config::ModelKind::chat).image_tokens, 192) << "slots are padded to 256 tokens";
    configured.context_length = 8192;
    EXPECT_EQ(shape_of(configured, config::ModelKind::chat).image_tokens, 512);
}

TEST(WorkerArguments, PutTheUsersOwnLastSoThatTheyWin) {
    EXPECT_THAT(line_of({.name = "m", .shape = {}, .threads = 3, .extra_args = {"--seed", "4"}}),
                testing::EndsWith("--threads 3 --seed 4"));
}

TEST(Shape, GivesAnEmbedderABatchThatHoldsAWholeInput) {
    const auto shape = shape_of(local(1024), config::ModelKind::embedding);
    EXPECT_TRUE(shape.embedding);
    EXPECT_EQ(shape.batch, 1024);
    EXPECT_EQ(shape.micro_batch, 1024);
}

TEST(Shape, TreatsARerankerAsAnEmbedderThatScores) {
    const auto shape = shape_of(local(1024), config::ModelKind::rerank);
    EXPECT_TRUE(shape.embedding && shape.rerank);
    EXPECT_EQ(shape.micro_batch, 1024);
    EXPECT_THAT(line_of({.name = "m", .shape = shape}),
                testing::AllOf(testing::HasSubstr(" --rerank "), testing::Not(testing::HasSubstr("--embedding"))));
    EXPECT_THAT(memory::measure_arguments(shape), testing::IsSupersetOf({"--embedding", "--rerank"}));
}

}  // namespace sarai::engine::worker_args_test
