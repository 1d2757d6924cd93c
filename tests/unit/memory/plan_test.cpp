#include "memory/plan.hpp"

#include <gmock/gmock.h>

namespace sarai::memory::plan_test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const EngineShape shape{.model = "/models/a.gguf"};

TEST(MeasureArguments, CarryEveryPartOfTheShape) {
    const EngineShape all{.model = "/m/a.gguf",
                          .mmproj = "/m/p.gguf",
                          .context_length = 4096,
                          .parallel = 2,
                          .batch = 512,
                          .micro_batch = 128,
                          .image_tokens = 256,
                          .embedding = true,
                          .prompt_cache = MiB(1),
                          .kv_cache_type = "q8_0",
                          .load_mode = LoadMode::mmap,
                          .checkpoints = 4};
    EXPECT_THAT(measure_arguments(all), ElementsAre("--model", "/m/a.gguf", "--context", "4096", "--parallel", "2",
                                                    "--batch", "512", "--micro-batch", "128", "--mmproj", "/m/p.gguf",
                                                    "--image-tokens", "256", "--kv-type", "q8_0", "--load-mode", "mmap",
                                                    "--checkpoints", "4", "--embedding", "--prompt-cache", "1048576"));
}

TEST(MeasureArguments, LeaveOutWhatTheShapeDoesNotHave) {
    EXPECT_THAT(measure_arguments(shape),
                ElementsAre("--model", "/models/a.gguf", "--context", "2048", "--parallel", "1", "--batch", "256",
                            "--micro-batch", "256", "--kv-type", "f16", "--load-mode", "copy", "--checkpoints", "8"));
}

TEST(MeasureArguments, OfAModelThatHearsAreForItsOwnProgram) {
    const EngineShape ear{.model = "/m/ggml-base.bin", .whisper = true};
    EXPECT_EQ(measuring_program(ear), "sarai-whisper");
    EXPECT_EQ(measuring_program(shape), "sarai-measure");
    EXPECT_THAT(measure_arguments(ear), ElementsAre("--plan", "--model", "/m/ggml-base.bin"));
    EXPECT_TRUE(parse_measurement(ear, 0, R"({"trained_context":448,"lines":[{"what":"sound","bytes":7}]})", ""));
}

TEST(EngineShape, HasNoBuffersForInputsThatNoEmbedderTakes) {
    const EngineShape embedder{.context_length = 8192, .batch = 8192, .micro_batch = 8192, .embedding = true};
    EXPECT_EQ(within_trained_context(embedder, 2048).micro_batch, 2048);
    EXPECT_EQ(within_trained_context(embedder, 2048).batch, 2048);
    EXPECT_EQ(within_trained_context(embedder, 32768), embedder);
    EXPECT_EQ(within_trained_context(embedder, 0), embedder) << "the file does not say";
    const EngineShape chat{.batch = 512, .micro_batch = 512};
    EXPECT_EQ(within_trained_context(chat, 256), chat);
}

TEST(LoadModes, AreNamedAsInTheConfiguration) {
    for (const auto mode : {LoadMode::copy, LoadMode::compact, LoadMode::mmap, LoadMode::engine_default})
        EXPECT_EQ(load_mode_named(name_of(mode)), mode);
    EXPECT_EQ(load_mode_named("none"), std::nullopt);
}

TEST(ParseMeasurement, ReadsThePlanAndAddsItUp) {
    const auto plan =
        parse_measurement(shape, 0,
                          R"({"architecture":"llama","trained_context":4096,"engine":"0.7.0",)"
                          R"("lines":[{"what":"weights","bytes":5000000000},{"what":"overhead","bytes":7}]})",
                          "");
    ASSERT_TRUE(plan) << describe(plan.error());
    EXPECT_EQ(plan->architecture, "llama");
    EXPECT_EQ(plan->trained_context, 4096);
    EXPECT_EQ(plan->engine, "0.7.0");
    ASSERT_EQ(plan->lines.size(), 2U);
    EXPECT_EQ(plan->lines[0].what, "weights");
    EXPECT_EQ(plan->total(), Bytes{5000000007});
}

TEST(ParseMeasurement, KeepsTheKindOfTheChildsError) {
    for (const auto code : {Code::not_found, Code::corrupt_file, Code::unsupported, Code::invalid_argument, Code::io}) {
        const auto printed = R"({"error":{"code":")" + std::string(name_of(code)) + R"(","message":"no","hint":"do"}})";
        const auto plan = parse_measurement(shape, 1, printed, "");
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, code);
        EXPECT_EQ(plan.error().message, "no");
        EXPECT_EQ(plan.error().hint, "do");
    }
}

TEST(ParseMeasurement, BlamesTheFileWhenTheChildCrashed) {
    for (const int status : {128 + 6, 128 + 11, -6}) {
        const auto plan = parse_measurement(shape, status, "", "loading\nGGML_ASSERT(n > 0) failed\n\n");
        ASSERT_FALSE(plan);
        EXPECT_EQ(plan.error().code, Code::corrupt_file);
        EXPECT_THAT(plan.error().message, HasSubstr("/models/a.gguf"));
        EXPECT_THAT(plan.error().message, HasSubstr("GGML_ASSERT(n > 0) failed"));
    }
}

TEST(ParseMeasurement, TakesNothingForAPlanThatIsNone) {
    for (const auto* printed :
         {"", "no JSON", "[]", "{}", R"({"trained_context":1,"lines":[]})",
          R"({"trained_context":1,"lines":[{"what":"weights","bytes":-1}]})",
          R"({"trained_context":1,"lines":[{"what":"weights","bytes":"1"}]})",
          R"({"trained_context":1,"lines":[{"what":"magic","bytes":1}]})", R"({"trained_context":1,"lines":[7]})",
          R"({"lines":[{"what":"weights","bytes":1}]})"}) {
        const auto plan = parse_measurement(shape, 0, printed, "");
        ASSERT_FALSE(plan) << printed;
        EXPECT_EQ(plan.error().code, Code::internal) << printed;
    }
}

TEST(ParseMeasurement, TellsWhyTheProgramItselfFailed) {
    const auto plan = parse_measurement(shape, 2, "", "--context: Value 0 not in range");
    ASSERT_FALSE(plan);
    EXPECT_EQ(plan.error().code, Code::internal);
    EXPECT_THAT(plan.error().message, HasSubstr("not in range"));
}

TEST(EngineLibraries, AreReadFromWhatTheChildPrinted) {
    EXPECT_THAT(engine_libraries(R"({"libraries":["/lib/libllama.so.0",7,"/lib/libggml.so.0"],"lines":[]})"),
                ElementsAre("/lib/libllama.so.0", "/lib/libggml.so.0"));
    for (const auto* printed : {"", "no JSON", "[]", "{}", R"({"libraries":"all"})"})
        EXPECT_TRUE(engine_libraries(printed).empty()) << printed;
}

}  // namespace
}  // namespace sarai::memory::plan_test
