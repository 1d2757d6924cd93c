// What the worker of models that hear plans, takes and refuses.
#include <gmock/gmock.h>

#include <fstream>
#include <string>

#include "memory/plan.hpp"
#include "real_engine.hpp"

namespace sarai::memory::whisper_test {
namespace {

using test::contents;
using test::Folder;
using test::tiny_models;
using testing::HasSubstr;

Result<ModelPlan> plan_of(const std::filesystem::path& file) {
    const EngineShape shape{.model = file, .whisper = true};
    std::vector<std::string> command = {std::string(SARAI_BIN_DIR "/") + std::string(measuring_program(shape))};
    for (auto& argument : measure_arguments(shape)) command.push_back(std::move(argument));
    const auto ran = test::run(command);
    return parse_measurement(shape, ran.status, ran.out, ran.err);
}

Bytes line(const ModelPlan& plan, std::string_view what) {
    const auto found = std::ranges::find(plan.lines, what, &PlanLine::what);
    return found == plan.lines.end() ? Bytes{-1} : found->bytes;
}

std::filesystem::path write(const Folder& folder, std::string_view bytes) {
    const auto path = folder / "made.bin";
    std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    return path;
}

TEST(Whisper, IsPlannedByItsOwnEngine) {
    const auto plan = plan_of(tiny_models() / "whisper.bin");
    ASSERT_TRUE(plan) << describe(plan.error());
    EXPECT_EQ(plan->architecture, "whisper");
    EXPECT_EQ(plan->trained_context, 448);
    EXPECT_FALSE(plan->kv_quantisable);
    EXPECT_THAT(plan->engine, HasSubstr("whisper-"));
    // All but the vocabulary and the head of its 2.8 MB.
    EXPECT_GT(line(*plan, "weights"), Bytes{2'000'000});
    EXPECT_LT(line(*plan, "weights"), Bytes{3'000'000});
    // Of the text 512 positions (448, padded), of the sound 1536 in each of 4 layers and once more; keys and values of
    // 32 halves each.
    const auto kv = Bytes{std::int64_t{2} * 2 * 32 * (4 * 512 + 4 * 1536 + 1536)};
    EXPECT_NEAR(static_cast<double>(line(*plan, "kv_cache").count), static_cast<double>(kv.count), 2e4);
    // 120 s of samples: 16 bits, floats, floats with 30 s of silence behind; and their spectrum.
    EXPECT_EQ(line(*plan, "sound").count, 1'920'000 * 6 + 2'400'000 * 4 + 15'000 * 80 * 4);
    for (const auto* what : {"compute", "output", "overhead"}) EXPECT_GT(line(*plan, what), Bytes{}) << what;
}

TEST(Whisper, NoFileThatIsNotWholeIsPlanned) {
    const Folder folder;
    const auto whole = contents(tiny_models() / "whisper.bin");
    struct Case {
        std::string bytes, words;
    };
    auto wide = whole;
    wide[12] = '\x21';  // n_audio_state: 33, and the text's 32
    auto many = whole;
    many[7] = '\x7f';  // n_vocab: two thousand millions
    for (const auto& [bytes, words] :
         {Case{"", "is empty"}, Case{"GGUF", "is not a file of whisper.cpp"},
          Case{std::string(5000, 'x'), "is not a file"}, Case{whole.substr(0, 20), "ends in its hyper-parameters"},
          Case{whole.substr(0, 1000), "ends in its mel filters"},
          Case{whole.substr(0, 70000), "ends in its vocabulary"},
          Case{whole.substr(0, whole.size() - 1), "ends in tensor"}, Case{whole + "x", "ends in tensor"},
          Case{wide, "widths of 33 and 32"}, Case{many, "n_vocab is"}}) {
        const auto plan = plan_of(write(folder, bytes));
        ASSERT_FALSE(plan) << words;
        EXPECT_EQ(plan.error().code, Code::corrupt_file) << describe(plan.error());
        EXPECT_THAT(plan.error().message, HasSubstr(words));
    }
    // Where the weights begin, there are none: the engine itself would take it "for testing".
    const auto first = whole.find("encoder.positional_embedding");
    ASSERT_NE(first, std::string::npos);
    EXPECT_THAT(plan_of(write(folder, whole.substr(0, first - 20))).error().message, HasSubstr("0 of 167 tensors"));
    auto renamed = whole;
    renamed.replace(first, 7, "decoder");
    EXPECT_THAT(plan_of(write(folder, renamed)).error().message, HasSubstr("whisper.cpp refuses"));
    EXPECT_EQ(plan_of(folder / "none.bin").error().code, Code::not_found);
    EXPECT_EQ(plan_of(folder.path()).error().code, Code::invalid_argument);
    EXPECT_THAT(plan_of(tiny_models() / "lfm2.gguf").error().message, HasSubstr("is not a file of whisper.cpp"));
}

}  // namespace
}  // namespace sarai::memory::whisper_test
