#include "router/weights.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <iterator>

#include "router/random.hpp"
#include "support/temp_folder.hpp"

namespace sarai::router::weights_test {
namespace {

using testing::HasSubstr;

TrainedModel model() {
    TrainedModel made;
    made.name = "test";
    made.shape = {.rows = 64, .width = 32, .state = 32, .hidden = 64, .cycles = 2, .steps = 2};
    Random random(1);
    const auto numbers = [&](std::int64_t count) {
        std::vector<float> values(static_cast<std::size_t>(count));
        for (auto& value : values) value = random.normal() / 4;
        return values;
    };
    std::vector<Counted> counted;
    for (const auto& feature : features_of("hola que tal")) counted.push_back({.hash = feature.hash, .texts = 3});
    made.vocabulary = choose_vocabulary(std::move(counted), 10, 64);
    made.embedding = numbers(64 * 32);
    made.importance = numbers(64);
    for (const auto& tensor : network_tensors(made.shape)) made.network.push_back(numbers(tensor.count()));
    made.linear.assign(64, Evidence{0.5F, -0.5F, 0});
    made.linear_bias = {0.1F, 0, 0};
    made.calibration = {.slope = {2, 3, 4, 5}, .offset = {0.5F, 0, 0, 0}, .familiar_enough = 0.25F};
    return made;
}

class WeightsFile : public testing::Test {
protected:
    WeightsFile() {
        if (!write_weights(model(), path_)) throw std::runtime_error("not written");
        std::ifstream file(path_, std::ios::binary);
        bytes_.assign(std::istreambuf_iterator<char>(file), {});
    }
    Result<Classifier> open_changed(const std::string& bytes) {
        std::ofstream(folder_.path() / "changed.gguf", std::ios::binary) << bytes;
        return Classifier::open(folder_.path() / "changed.gguf");
    }
    test::TempFolder folder_;
    std::filesystem::path path_ = folder_.path() / "w.gguf";
    std::string bytes_;
};

TEST_F(WeightsFile, HoldsWhatWasWritten) {
    const auto classifier = Classifier::open(path_);
    ASSERT_TRUE(classifier.has_value()) << classifier.error().message;
    EXPECT_EQ(classifier->parameters(), parameter_count(model().shape));
    EXPECT_FLOAT_EQ(classifier->familiar_enough(), 0.25F);
    EXPECT_GT(classifier->memory().count, std::ssize(bytes_));
    const auto scores = classifier->score("hola que tal");
    EXPECT_GT(scores.familiar, 0.25F);
    EXPECT_NE(scores.language, Language::other);
    EXPECT_EQ(scores.hard, classifier->score("hola que tal").hard) << "the same every time";
    EXPECT_FALSE(std::filesystem::exists(path_.string() + ".partial"));
}

TEST_F(WeightsFile, IsFoundDamagedWhereverItEnds) {
    for (std::size_t length = 0; length < bytes_.size(); length += length < 4096 ? 97 : 1999) {
        const auto opened = open_changed(bytes_.substr(0, length));
        ASSERT_FALSE(opened.has_value()) << length;
        EXPECT_THAT(opened.error().message, HasSubstr("changed.gguf"));
    }
}

TEST_F(WeightsFile, WithAChangedByteIsRefusedOrAnswers) {
    Random random(9);
    for (int i = 0; i < 400; ++i) {
        auto changed = bytes_;
        changed[random.below(std::min<std::size_t>(changed.size(), 3000))] = static_cast<char>(random.below(256));
        if (const auto opened = open_changed(changed)) (void)opened->score("hola");
    }
}

TEST_F(WeightsFile, WhoseNumbersAreNoneIsDamagedOrAbstains) {
    for (const auto from : {bytes_.size() / 2, bytes_.size() * 3 / 4, bytes_.size() - 4096}) {
        auto damaged = bytes_;
        std::fill(damaged.begin() + static_cast<std::ptrdiff_t>(from), damaged.end(), '\xff');
        const auto opened = open_changed(damaged);
        if (!opened) {
            EXPECT_EQ(opened.error().code, Code::corrupt_file);
            continue;
        }
        const auto scores = opened->score("hola que tal");
        for (const float score : {scores.hard, scores.soft, scores.web_query, scores.familiar})
            EXPECT_TRUE(score >= 0 && score <= 1) << score;
    }
}

TEST_F(WeightsFile, OfAnotherModelOrVersionIsUnsupported) {
    auto other = bytes_;
    other.replace(other.find("sarai-trm"), 9, "lfm2-moe-");
    EXPECT_EQ(open_changed(other).error().code, Code::unsupported);
    auto later = bytes_;
    later[later.find("sarai-trm.version") + 17 + 4] = 9;
    EXPECT_EQ(open_changed(later).error().code, Code::unsupported);
    EXPECT_THAT(open_changed(later).error().message, HasSubstr("version 9"));
}

TEST_F(WeightsFile, WithShapesThatCannotBeIsDamaged) {
    auto odd = bytes_;
    odd[odd.find("sarai-trm.width") + 15 + 4] = 33;
    EXPECT_EQ(open_changed(odd).error().code, Code::corrupt_file);
    EXPECT_THAT(open_changed(odd).error().message, HasSubstr("sarai-trm.width is 33, expected a multiple of 32"));
    auto larger = bytes_;
    larger[larger.find("sarai-trm.hidden") + 16 + 4] = 96;
    EXPECT_THAT(open_changed(larger).error().message, HasSubstr("layer.0.gate"));
    EXPECT_EQ(open_changed("").error().code, Code::corrupt_file);
    EXPECT_EQ(Classifier::open(folder_.path() / "none.gguf").error().code, Code::not_found);
}

TEST_F(WeightsFile, CannotBeWrittenWhereNothingCan) {
    EXPECT_EQ(write_weights(model(), folder_.path() / "none" / "w.gguf").error().code, Code::io);
}

}  // namespace
}  // namespace sarai::router::weights_test
