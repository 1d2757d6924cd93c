#include "engine/amx.hpp"

#include <gtest/gtest.h>

namespace sarai::engine::amx_test {
namespace {

using memory::LoadMode;

TEST(Amx, IsUsedUnlessMemoryIsToBeSaved) {
    EXPECT_TRUE(may_use_amx({.load_mode = LoadMode::copy}, "llama"));
    EXPECT_TRUE(may_use_amx({.parallel = 4, .load_mode = LoadMode::engine_default}, "llama"));
    EXPECT_FALSE(may_use_amx({.load_mode = LoadMode::compact}, "llama"));
}

TEST(Amx, IsKeptFromModelsWithStateAndSeveralSlotsForTheEngineCrashesThere) {
    for (const auto* architecture : {"lfm2", "mamba", "qwen3next"}) {
        EXPECT_TRUE(may_use_amx({.parallel = 1}, architecture));
        EXPECT_FALSE(may_use_amx({.parallel = 2}, architecture));
        EXPECT_FALSE(may_use_amx({.parallel = 4, .load_mode = LoadMode::engine_default}, architecture));
    }
}

TEST(Amx, IsWhatASecondSlotCostsAModelWithState) {
    EXPECT_TRUE(slots_cost_amx({.parallel = 1}, "lfm2"));
    EXPECT_FALSE(slots_cost_amx({.parallel = 2}, "lfm2")) << "it has none";
    EXPECT_FALSE(slots_cost_amx({.parallel = 1, .load_mode = LoadMode::compact}, "lfm2")) << "it has none";
    EXPECT_FALSE(slots_cost_amx({.parallel = 1}, "llama"));
}

TEST(Amx, IsKeptFromWhisperWhichGoesDeafWithIt) {
    EXPECT_FALSE(may_use_amx({.whisper = true}, "whisper"));
    EXPECT_EQ(cage_of({.model = "/nowhere", .whisper = true}).amx, !processor_has_amx()) << "nothing is kept from it";
}

TEST(Amx, IsNotDecidedByAFileThatIsNone) {
    EXPECT_EQ(architecture_of("/dev/null"), std::nullopt);
    EXPECT_EQ(architecture_of("/nowhere"), std::nullopt);
    EXPECT_TRUE(cage_of({.model = "/nowhere", .parallel = 4}).amx);
}

}  // namespace
}  // namespace sarai::engine::amx_test
