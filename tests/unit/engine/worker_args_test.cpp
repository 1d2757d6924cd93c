#include "engine/worker_args.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace sarai::engine {
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
        "--ubatch-size 256 --load-mode none --cache-ram 0 --ctx-checkpoints 8 --sse-ping-interval 1 --log-verbosity 2 "
        "--jinja --no-webui --offline --no-slots --no-mmproj");
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

TEST(WorkerArguments, PutTheUsersOwnLastSoThatTheyWin) {
    EXPECT_THAT(line_of({.name = "m", .shape = {}, .threads = 3, .extra_args = {"--cache-ram", "100"}}),
                testing::EndsWith("--threads 3 --cache-ram 100"));
}

TEST(Shape, GivesAnEmbedderABatchThatHoldsAWholeInput) {
    const auto shape = shape_of(local(1024), config::ModelKind::embedding);
    EXPECT_TRUE(shape.embedding);
    EXPECT_EQ(shape.batch, 1024);
    EXPECT_EQ(shape.micro_batch, 1024);
}

}  // namespace sarai::engine
