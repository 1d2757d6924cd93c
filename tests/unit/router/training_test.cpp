// A small net on a part of the shipped prompts, trained in seconds.
#include "router/train.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "router/count.hpp"
#include "router/explain.hpp"
#include "router/linear.hpp"
#include "router/noise.hpp"
#include "support/temp_folder.hpp"

namespace sarai::router::training_test {
namespace {

const std::vector<Example>& examples() {
    static const auto all = [] {
        const std::vector paths{std::filesystem::path(SARAI_SOURCE_DIR "/data/router/train")};
        auto read = load_examples(paths);
        if (!read) throw std::runtime_error(read.error().message);
        std::vector<Example> some;
        for (std::size_t i = 0; i < read->size() && some.size() < 500; i += read->size() / 500)
            some.push_back((*read)[i]);
        return some;
    }();
    return all;
}

TrainingOptions small() {
    TrainingOptions options;
    options.name = "small";
    options.shape = {.rows = 4096, .width = 32, .state = 32, .hidden = 32, .cycles = 2, .steps = 1};
    options.epochs = 5;
    options.patience = 5;
    options.table_rate = 5e-3F;
    options.network_rate = 3e-3F;
    options.validation = 0.2F;
    return options;
}

std::string bytes_of(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}

TEST(RouterTraining, TheLossFallsAndWhatWasKeptAnswersBetterThanChance) {
    float progress = 0;
    auto options = small();
    options.on_progress = [&](float done) { progress = done; };
    const auto trained = train(examples(), options);
    ASSERT_TRUE(trained.has_value()) << trained.error().message;
    ASSERT_EQ(trained->curve.size(), 5U);
    EXPECT_LT(trained->curve.back().training_loss, 0.85F * trained->curve.front().training_loss);
    EXPECT_LT(trained->curve.back().validation_loss, trained->curve.front().validation_loss);
    EXPECT_FLOAT_EQ(progress, 1);
    EXPECT_EQ(trained->learnt + trained->validated, std::ssize(examples()));

    const test::TempFolder folder;
    ASSERT_TRUE(write_weights(trained->model, folder.path() / "w.gguf").has_value());
    const auto classifier = Classifier::open(folder.path() / "w.gguf");
    ASSERT_TRUE(classifier.has_value()) << classifier.error().message;
    EXPECT_EQ(classifier->parameters(), parameter_count(options.shape));
    std::size_t right = 0;
    for (const auto& example : examples()) right += classifier->score(example.text).best() == example.label ? 1U : 0U;
    EXPECT_GT(right, examples().size() * 6 / 10);

    const auto nearest = nearest_examples(*classifier, examples()[7].text, examples(), 2);
    ASSERT_EQ(nearest.size(), 2U);
    EXPECT_EQ(nearest[0].example, 7U) << "nothing is more like a prompt than itself";
    EXPECT_NEAR(nearest[0].likeness, 1, 1e-3F);
}

TEST(RouterTraining, TheSameSeedGivesTheSameFileAndAnotherSeedAnother) {
    const test::TempFolder folder;
    auto options = small();
    options.epochs = 1;
    for (const auto& [name, seed] : {std::pair{"a", 1U}, {"b", 1U}, {"c", 2U}}) {
        options.seed = seed;
        const auto trained = train(examples(), options);
        ASSERT_TRUE(trained.has_value());
        ASSERT_TRUE(write_weights(trained->model, folder.path() / name).has_value());
    }
    EXPECT_EQ(bytes_of(folder.path() / "a"), bytes_of(folder.path() / "b"));
    EXPECT_NE(bytes_of(folder.path() / "a").substr(4096), bytes_of(folder.path() / "c").substr(4096));
}

TEST(RouterTraining, StopsWhereNothingGetsBetter) {
    auto options = small();
    options.epochs = 40;
    options.patience = 1;
    options.table_rate = 0;
    options.network_rate = 0;
    const auto trained = train(examples(), options);
    ASSERT_TRUE(trained.has_value());
    EXPECT_LE(trained->curve.size(), 3U);
}

TEST(RouterTraining, TooFewPromptsAreRefused) {
    const auto few = std::span(examples()).first(10);
    EXPECT_EQ(train(few, small()).error().code, Code::invalid_argument);
}

TEST(RouterTraining, APupilLearnsFromItsTeacher) {
    const test::TempFolder folder;
    auto options = small();
    options.epochs = 3;
    const auto teacher = train(examples(), options);
    ASSERT_TRUE(teacher.has_value() && write_weights(teacher->model, folder.path() / "t").has_value());
    const auto classifier = Classifier::open(folder.path() / "t");
    ASSERT_TRUE(classifier.has_value());
    options.teachers = {&*classifier};
    const auto pupil = train(examples(), options);
    ASSERT_TRUE(pupil.has_value());
    EXPECT_NE(pupil->model.embedding, teacher->model.embedding);
}

TEST(RouterTraining, LogisticRegressionLearnsToo) {
    const auto vocabulary = count_vocabulary(examples(), 1 << 16);
    std::vector<const Example*> pointers;
    for (const auto& example : examples()) pointers.push_back(&example);
    const LinearModel regression(pointers, vocabulary, {});
    std::size_t right = 0;
    for (const auto& example : examples()) right += regression.answer(example).given == example.label ? 1U : 0U;
    EXPECT_GT(right, examples().size() * 8 / 10);
}

TEST(RouterAugmentation, ChangesTextsAndNotWhatTheyMean) {
    Random random(1);
    std::size_t changed = 0;
    for (const auto& example : examples()) {
        const auto other = augment(example, examples(), {}, random);
        changed += other.text != example.text ? 1U : 0U;
        EXPECT_EQ(other.label, example.label);
        EXPECT_EQ(other.language, example.language);
        EXPECT_FALSE(other.text.empty());
        for (const auto& token : tokens_of(other.text))
            EXPECT_FALSE(token.text.contains("\u00ef\u00bf\u00bd")) << "still UTF-8: " << other.text;
    }
    EXPECT_GT(changed, examples().size() / 3);
}

}  // namespace
}  // namespace sarai::router::training_test
