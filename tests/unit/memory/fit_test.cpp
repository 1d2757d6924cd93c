#include "memory/fit.hpp"

#include <gmock/gmock.h>

#include <functional>

namespace sarai::memory::fit_test {
namespace {

using Engine = std::function<Result<ModelPlan>(const EngineShape&)>;

ModelPlan of(Bytes total) { return {.lines = {{"weights", total}}}; }

// Everything adds up: weights by the file's name, KV by tokens and type, scratch by batch, a little for each slot.
Result<ModelPlan> additive(const EngineShape& shape) {
    const auto weights = shape.model == "large.gguf" ? MiB(2000) : MiB(1000);
    const int slot = (shape.context_length / shape.parallel + 255) / 256 * 256;
    const int kib_per_token = shape.kv_cache_type == "f16" ? 32 : shape.kv_cache_type == "q8_0" ? 17 : 9;
    const auto batch = shape.embedding ? Bytes{} : KiB(100LL * shape.batch);
    return of(weights + KiB(static_cast<std::int64_t>(slot) * shape.parallel * kib_per_token) + batch +
              MiB(2LL * shape.parallel));
}

FitModel chat(std::string name, int trained = 4096) {
    return {
        .name = std::move(name), .shape = {.model = "m.gguf"}, .files = {{"m.gguf", 1000}}, .trained_context = trained};
}
FitModel embedder(int trained = 2048) {
    return {.name = "embed",
            .shape = {.model = "e.gguf", .batch = 2048, .micro_batch = 2048, .embedding = true},
            .files = {{"e.gguf", 1000}},
            .trained_context = trained};
}

struct Outcome {
    Result<Fit> fit;
    int measurements = 0;
};

Outcome fit_with(const Engine& engine, const std::vector<FitModel>& models, Bytes budget) {
    Fitter fitter(models, budget);
    int measurements = 0;
    for (auto shapes = fitter.wanted(); !shapes.empty(); shapes = fitter.wanted())
        for (const auto& shape : shapes) {
            EXPECT_EQ(shape.prompt_cache, Bytes{});  // it comes on top as it is
            fitter.measured(shape, engine(shape));
            ++measurements;
        }
    return {.fit = fitter.result(), .measurements = measurements};
}

ModelPlan with_prompt_cache(ModelPlan plan, Bytes cache) {
    if (cache != Bytes{}) plan.lines.push_back({"prompt_cache", cache});
    return plan;
}
// With the error bar.
Bytes true_cost(const EngineShape& shape) {
    return with_prompt_cache(*additive(shape), shape.prompt_cache).pessimistic();
}

std::int64_t utility_of(const std::vector<FitModel>& models, const Fit& fit) {
    std::int64_t sum = 0;
    for (std::size_t i = 0; i < models.size(); ++i) sum += utility_of(models[i], fit.models[i].shape);
    return sum;
}

// Each model's settings, with what they really take.
std::vector<std::vector<Option>> true_options(const std::vector<FitModel>& models) {
    std::vector<std::vector<Option>> all(models.size());
    for (std::size_t i = 0; i < models.size(); ++i)
        for (const auto& setting : settings_of(models[i]))
            all[i].push_back({.cost = true_cost(setting.shape), .utility = setting.utility});
    return all;
}

// The largest utility of all combinations.
std::optional<std::int64_t> by_brute_force(const std::vector<std::vector<Option>>& options, std::size_t from,
                                           Bytes budget) {
    if (from == options.size()) return 0;
    std::optional<std::int64_t> best;
    for (const auto& option : options[from]) {
        if (option.cost > budget) continue;
        const auto rest = by_brute_force(options, from + 1, budget - option.cost);
        if (rest && (!best || option.utility + *rest > *best)) best = option.utility + *rest;
    }
    return best;
}

}  // namespace

TEST(Fit, FindsTheBestOfAllCombinationsWhereTheEngineAddsUp) {
    auto important = chat("important", 1024);
    important.priority = 90;
    important.files.push_back({"large.gguf", 2000});
    const std::vector<FitModel> models{important, chat("other", 1024), embedder(1024)};
    const auto options = true_options(models);
    for (const int budget : {3000, 3050, 3080, 3130, 3200, 3400, 4000, 4300, 5000, 9000}) {
        const auto expected = by_brute_force(options, 0, MiB(budget));
        const auto found = fit_with(additive, models, MiB(budget));
        ASSERT_TRUE(found.fit) << describe(found.fit.error());
        ASSERT_EQ(found.fit->possible, expected.has_value()) << budget;
        if (!expected) continue;
        EXPECT_EQ(utility_of(models, *found.fit), *expected) << budget;
        EXPECT_LE(found.fit->total + found.fit->errors, MiB(budget));
    }
}

TEST(Fit, IsMadeOfMeasuredPlansAloneWhenEstimatesAreWrong) {
    // Scratch that no straight line tells: it jumps, by a hash of the shape.
    const Engine rough = [](const EngineShape& shape) -> Result<ModelPlan> {
        const auto bend = MiB((shape.context_length / 512 * 37 + shape.parallel * 13 + shape.batch) % 60);
        return of(additive(shape)->total() + bend);
    };
    const std::vector<FitModel> models{chat("a"), chat("b", 8192)};
    for (const int budget : {2100, 2200, 2300, 2500, 3000, 4000}) {
        const auto found = fit_with(rough, models, MiB(budget));
        ASSERT_TRUE(found.fit);
        Bytes sum;
        for (const auto& model : found.fit->models) {
            EXPECT_EQ(model.plan.total(), rough(model.shape)->total() + model.shape.prompt_cache);
            sum += model.plan.total();
        }
        EXPECT_EQ(sum, found.fit->total);
        if (found.fit->possible) { EXPECT_LE(sum + found.fit->errors, MiB(budget)); }
        EXPECT_LT(found.measurements, 150);
    }
}

TEST(Fit, GivesNothingUpWhereAllFits) {
    auto model = chat("m", 8192);
    model.files.push_back({"large.gguf", 2000});
    const auto found = fit_with(additive, {model, embedder()}, GiB(100));
    ASSERT_TRUE(found.fit && found.fit->possible);
    const auto& shape = found.fit->models[0].shape;
    EXPECT_EQ(shape.model, "large.gguf");
    EXPECT_EQ(shape.kv_cache_type, "f16");
    EXPECT_EQ(shape.context_length / shape.parallel, 8192);
    EXPECT_EQ(shape.batch, 256);
    EXPECT_EQ(shape.prompt_cache, GiB(1));
    EXPECT_EQ(shape.load_mode, LoadMode::copy);
    EXPECT_EQ(difference(shape, found.fit->models[0].ideal), "");
    EXPECT_FALSE(found.fit->models[0].next);
    EXPECT_EQ(found.fit->models[1].shape.context_length, 2048);
    EXPECT_EQ(found.fit->models[1].shape.batch, 2048);  // as long as its context
}

TEST(Fit, GivesMoreToThePriorModel) {
    auto first = chat("first", 16384);
    const auto second = chat("second", 16384);
    first.priority = 100;
    const auto found = fit_with(additive, {first, second}, MiB(2400));
    ASSERT_TRUE(found.fit && found.fit->possible);
    EXPECT_GT(found.fit->models[0].shape.context_length, found.fit->models[1].shape.context_length);
}

TEST(Fit, NeverGoesUnderTheFloorOrTheConfiguredSlotsAndSaysWhatIsImpossible) {
    auto model = chat("m", 32768);
    model.floor = 4096;
    model.shape.parallel = 2;
    model.shape.context_length = 16384;
    const auto found = fit_with(additive, {model, embedder()}, MiB(1500));
    ASSERT_TRUE(found.fit);
    EXPECT_FALSE(found.fit->possible);
    const auto& least = found.fit->models[0].shape;
    EXPECT_EQ(least.context_length, 8192);
    EXPECT_EQ(least.parallel, 2);
    EXPECT_EQ(least.kv_cache_type, "q4_0");
    EXPECT_EQ(least.batch, 64);
    const auto needed = found.fit->total + found.fit->errors;
    EXPECT_EQ(needed, true_cost(least) + true_cost(found.fit->models[1].shape));
    EXPECT_TRUE(fit_with(additive, {model, embedder()}, needed).fit->possible);
    EXPECT_FALSE(fit_with(additive, {model, embedder()}, needed - Bytes{1}).fit->possible);
}

TEST(Fit, SaysWhatTheNextStepWouldTake) {
    const auto budget = MiB(1100);
    const auto found = fit_with(additive, {chat("m", 4096)}, budget);
    ASSERT_TRUE(found.fit && found.fit->possible);
    const auto& model = found.fit->models[0];
    ASSERT_TRUE(model.next);
    EXPECT_GT(model.plan.pessimistic() + model.next_cost, budget);
    // An estimate, rounded here and there.
    EXPECT_NEAR(static_cast<double>(model.next_cost.count),
                static_cast<double>((true_cost(*model.next) - true_cost(model.shape)).count), 64);
}

TEST(Fit, TakesTheCompactLayoutWhereItDiffersAndTheBudgetAsksForIt) {
    const Engine with_amx = [](const EngineShape& shape) -> Result<ModelPlan> {
        return of(additive(shape)->total() + (shape.load_mode == LoadMode::compact ? Bytes{} : MiB(200)));
    };
    auto model = chat("m", 4096);
    EXPECT_FALSE(fit_with(with_amx, {model}, MiB(1100)).fit->possible);
    model.compact_differs = true;
    const auto tight = fit_with(with_amx, {model}, MiB(1100));
    ASSERT_TRUE(tight.fit && tight.fit->possible);
    EXPECT_EQ(tight.fit->models[0].shape.load_mode, LoadMode::compact);
    EXPECT_EQ(fit_with(with_amx, {model}, GiB(10)).fit->models[0].shape.load_mode, LoadMode::copy);
}

TEST(Fit, GivesNoSlotThatCostsAmx) {
    // As LFM2: with several slots it computes without, and then takes less.
    const Engine with_state = [](const EngineShape& shape) -> Result<ModelPlan> {
        const bool amx = shape.load_mode == LoadMode::copy && shape.parallel == 1;
        return of(additive(shape)->total() + (amx ? MiB(200) : Bytes{}));
    };
    auto model = chat("m", 4096);
    model.compact_differs = true;
    EXPECT_EQ(fit_with(with_state, {model}, GiB(10)).fit->models[0].shape.parallel, 4);
    model.slots_cost_amx = true;
    const auto ample = fit_with(with_state, {model}, GiB(10));
    EXPECT_EQ(ample.fit->models[0].shape.parallel, 1);
    EXPECT_EQ(ample.fit->models[0].shape.load_mode, LoadMode::copy);
    EXPECT_EQ(ample.fit->models[0].ideal.parallel, 1);
    // What is short of memory goes without AMX by its layout, not by slots.
    const auto tight = fit_with(with_state, {model}, MiB(1150));
    ASSERT_TRUE(tight.fit->possible);
    EXPECT_EQ(tight.fit->models[0].shape.parallel, 1);
    EXPECT_EQ(tight.fit->models[0].shape.load_mode, LoadMode::compact);
}

TEST(Fit, TakesWhatLoadsHaveShownForSettingsWithoutAPromptCacheAlone) {
    // Nine loads below the plan: a quarter of the error bar.
    const Engine experienced = [](const EngineShape& shape) {
        return additive(shape).transform([](ModelPlan plan) {
            plan.learned = Learned{.loads = 9, .peak = plan.total() - MiB(5), .requests = 9};
            return plan;
        });
    };
    const auto with = fit_with(experienced, {chat("m")}, GiB(10)).fit->models[0];
    ASSERT_GT(with.shape.prompt_cache, Bytes{});
    EXPECT_FALSE(with.plan.learned);
    EXPECT_EQ(with.plan.error(), error_of_unloaded(with.plan.total()));
    const auto without = fit_with(experienced, {chat("m")}, MiB(1060)).fit->models[0];
    ASSERT_EQ(without.shape.prompt_cache, Bytes{});
    EXPECT_TRUE(without.plan.learned);
    EXPECT_EQ(without.plan.error(), Bytes{without.plan.total().count / 100 / 4});
}

TEST(Fit, PassesOverQuantisedCachesThatTheEngineRefuses) {
    const Engine engine = [](const EngineShape& shape) -> Result<ModelPlan> {
        if (is_quantised(shape.kv_cache_type)) return fail(Code::unsupported, "heads of 80 values");
        return additive(shape);
    };
    const auto found = fit_with(engine, {chat("m", 4096)}, MiB(1100));
    ASSERT_TRUE(found.fit && found.fit->possible);
    EXPECT_EQ(found.fit->models[0].shape.kv_cache_type, "f16");
}

TEST(Fit, PassesOverSettingsThatTheEngineRefusesAndTellsWhyAFileIsBroken) {
    const Engine short_sighted = [](const EngineShape& shape) -> Result<ModelPlan> {
        if (shape.context_length > 2048) return fail(Code::invalid_argument, "too long");
        return additive(shape);
    };
    const auto found = fit_with(short_sighted, {chat("m", 8192)}, GiB(10));
    ASSERT_TRUE(found.fit && found.fit->possible);
    EXPECT_LE(found.fit->models[0].shape.context_length, 2048);
    const Engine broken = [](const EngineShape&) -> Result<ModelPlan> { return fail(Code::corrupt_file, "no GGUF"); };
    const auto none = fit_with(broken, {chat("m")}, GiB(10));
    ASSERT_FALSE(none.fit);
    EXPECT_EQ(none.fit.error().code, Code::corrupt_file);
}

TEST(Utility, IsWhatTheHeaderSays) {
    auto model = chat("m", 8192);
    model.files = {{"m.gguf", 4000}, {"half.gguf", 2000}};
    const auto of_change = [&](auto change) {
        auto shape = model.shape;
        change(shape);
        return utility_of(model, shape) - utility_of(model, model.shape);
    };
    EXPECT_EQ(of_change([](EngineShape& s) { s.context_length *= 2; }), 500);
    EXPECT_EQ(of_change([](EngineShape& s) { s.context_length /= 2; }), -2000);
    EXPECT_EQ(of_change([](EngineShape& s) { s.kv_cache_type = "q8_0"; }), -600);
    EXPECT_EQ(of_change([](EngineShape& s) { s.kv_cache_type = "q4_0"; }), -2800);
    EXPECT_EQ(of_change([](EngineShape& s) { s.model = "half.gguf"; }), -3000);
    EXPECT_EQ(of_change([](EngineShape& s) { s.batch = 128; }), -250);
    EXPECT_EQ(of_change([](EngineShape& s) { s.load_mode = LoadMode::compact; }), -400);
    EXPECT_EQ(of_change([](EngineShape& s) { s.prompt_cache = MiB(64); }), 100);
    EXPECT_EQ(of_change([](EngineShape& s) { s.prompt_cache = GiB(1); }), 300);
    const auto twice_the_slots = [](EngineShape& s) {
        s.parallel = 2;
        s.context_length *= 2;
    };
    model.slots_cost_amx = true;
    EXPECT_EQ(of_change(twice_the_slots), -400);
    model.slots_cost_amx = false;
    EXPECT_EQ(of_change(twice_the_slots), 300);
    model.shape.embedding = true;
    EXPECT_EQ(of_change([](EngineShape& s) { s.context_length *= 2; }), 120);
    model.shape.embedding = false;
    model.priority = 100;
    EXPECT_EQ(of_change([](EngineShape& s) { s.context_length *= 2; }), 1000);
}

TEST(Settings, AreContextsInDoublingsFromTheFloorToTheTrainedOneAndTheConfiguredOne) {
    auto model = embedder(2048);
    model.floor = 500;
    model.shape.context_length = 1536;
    std::vector<int> contexts;
    for (const auto& setting : settings_of(model)) contexts.push_back(setting.shape.context_length);
    EXPECT_THAT(contexts, testing::ElementsAre(500, 1000, 1536, 2000, 2048));
}

TEST(Difference, NamesWhatDiffersInWords) {
    EngineShape from{.model = "/m/a.gguf", .prompt_cache = MiB(64)};
    auto to = from;
    EXPECT_EQ(difference(from, to), "");
    to = {.model = "/m/b.gguf",
          .context_length = 4096,
          .parallel = 2,
          .batch = 128,
          .kv_cache_type = "q8_0",
          .load_mode = LoadMode::mmap};
    EXPECT_EQ(difference(from, to), "b.gguf, context 2 x 2048, KV q8_0, no prompt cache, batch 128, load mode mmap");
}

}  // namespace sarai::memory::fit_test
