#include "imports/worker_command.hpp"

#include "support.hpp"

namespace sarai::imports::worker_command_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

WorkerCommand read(std::string_view line) { return read_worker_command(split_command(line), "/here", "cmd"); }

}  // namespace

TEST(SplitCommand, SplitsAsAShellDoes) {
    EXPECT_THAT(split_command("a  'b c' \"d \\\" e\" f\\ g \"\"\n# not this\n h \\\n i'j'k"),
                ElementsAre("a", "b c", "d \" e", "f g", "", "h", "ijk"));
    EXPECT_THAT(split_command(" \n# alone"), IsEmpty());
    EXPECT_THAT(split_command("'open"), ElementsAre("open"));
}

TEST(WorkerCommand, KnowsTheServerByItsName) {
    EXPECT_TRUE(is_llama_server("llama-server"));
    EXPECT_TRUE(is_llama_server("/opt/llama-server-b5000"));
    EXPECT_TRUE(is_llama_server("C:\\llama\\llama-server.exe"));
    EXPECT_FALSE(is_llama_server("/opt/llama-server/vllm"));
    EXPECT_FALSE(is_llama_server("docker"));
}

TEST(WorkerCommand, BecomesTheKeysThatMeanTheSame) {
    const auto got = read(
        "-m a/b.gguf --mmproj /p.gguf -c 4096 -np 2 -b 2048 -ub 512 -t 4 -ctk q8_0 -ctv q8_0 "
        "--cache-ram 256 --no-mmap --host 0.0.0.0 --port 99 --jinja -ngl 0");
    EXPECT_THAT(got.losses, IsEmpty());
    const auto& local = *got.model.local;
    EXPECT_EQ(local.path, "/here/a/b.gguf");
    EXPECT_EQ(local.mmproj, "/p.gguf");
    EXPECT_EQ(local.context_length, 4096);
    EXPECT_EQ(local.parallel, 2);
    EXPECT_EQ(local.batch, 512);
    EXPECT_EQ(local.threads, 4);
    EXPECT_EQ(local.kv_cache_type, "q8_0");
    EXPECT_EQ(local.prompt_cache, MiB(256));
    EXPECT_THAT(local.extra_args, IsEmpty());
    EXPECT_FALSE(got.trained_context);
    EXPECT_EQ(got.model.kind, config::ModelKind::chat);
}

TEST(WorkerCommand, PassesOnWhatCostsNoMemory) {
    const auto got = read("-m m --temp 0.7 --seed -1 -fa --no-warmup --chat-template-kwargs '{\"a\": 1}'");
    EXPECT_THAT(got.losses, IsEmpty());
    EXPECT_THAT(got.model.local->extra_args, ElementsAre("--temp", "0.7", "--seed", "-1", "-fa", "on", "--no-warmup",
                                                         "--chat-template-kwargs", "{\"a\": 1}"));
    EXPECT_TRUE(got.trained_context);
    EXPECT_TRUE(read("-m m -c 0").trained_context);
}

TEST(WorkerCommand, KnowsWhatAModelIsFor) {
    EXPECT_EQ(read("-m m --embeddings").model.kind, config::ModelKind::embedding);
    EXPECT_EQ(read("-m m --reranking").model.kind, config::ModelKind::rerank);
    EXPECT_EQ(read("-m m --embedding --pooling rank").model.kind, config::ModelKind::rerank);
}

TEST(WorkerCommand, NamesWhatHasNoEquivalent) {
    const auto got =
        read("-m m -ngl 99 --lora l.gguf -hf org/repo -ctk q5_1 -np many --swa-full --tools all word --kv-unified");
    std::string keys;
    for (const auto& loss : got.losses) {
        keys += loss.key + "=" + loss.value + " ";
        EXPECT_NE(loss.why, "") << loss.key;
    }
    EXPECT_EQ(keys,
              "cmd -ngl=99 cmd --lora=l.gguf cmd -hf=org/repo cmd -ctk=q5_1 cmd -np=many cmd --swa-full= "
              "cmd --tools=all cmd word= cmd --kv-unified= ");
    EXPECT_THAT(got.model.local->extra_args, IsEmpty());
}

TEST(WorkerCommand, SaysThatHalvesOfTheCacheDiffer) {
    const auto got = read("-m m -ctk q8_0");
    ASSERT_EQ(got.losses.size(), 1U);
    EXPECT_EQ(got.losses[0].key, "cmd --cache-type-v");
    EXPECT_EQ(got.losses[0].value, "f16");
}

}  // namespace sarai::imports::worker_command_test
