#include "library/hugging_face.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

#include "library/sources.hpp"

namespace sarai::library::hugging_face_test {
namespace {

using testing::HasSubstr;

boost::json::object repository(std::initializer_list<std::string> files) {
    boost::json::array siblings;
    for (const auto& file : files)
        siblings.emplace_back(boost::json::object{
            {"rfilename", file},
            {"size", 100},
            {"lfs", boost::json::object{{"sha256", std::string(64, 'a')}, {"size", 1000}, {"pointerSize", 135}}}});
    return {{"siblings", std::move(siblings)}};
}

std::string chosen(const boost::json::object& answer, std::string_view quantisation) {
    const auto choice = choose_files(answer, quantisation);
    return choice ? choice->model.name : choice.error().message;
}

}  // namespace

TEST(HuggingFace, ChoosesByQuantisationInAnyCase) {
    const auto answer = repository({"README.md", "m-Q4_K_M.gguf", "m-q8_0.gguf", "m.IQ4_XS.gguf", "sub/m-Q4_K_S.gguf"});
    EXPECT_EQ(chosen(answer, "latest"), "m-Q4_K_M.gguf");
    EXPECT_EQ(chosen(answer, "Q8_0"), "m-q8_0.gguf");
    EXPECT_EQ(chosen(answer, "iq4_xs"), "m.IQ4_XS.gguf");
    EXPECT_EQ(chosen(answer, "q4_k_s"), "sub/m-Q4_K_S.gguf");
    EXPECT_EQ(chosen(answer, "M-Q8_0.gguf"), "m-q8_0.gguf");
    const auto choice = choose_files(answer, "latest");
    EXPECT_EQ(choice->model.digest, "sha256:" + std::string(64, 'a'));
    EXPECT_EQ(choice->model.size, Bytes{1000});
    EXPECT_FALSE(choice->mmproj.has_value());
}

TEST(HuggingFace, AQuantisationIsAWordOfItsOwn) {
    const auto answer = repository({"m-Q4_K_M.gguf", "m-IQ4_XS.gguf"});
    EXPECT_EQ(chosen(answer, "Q4_K"), "the repository has no file for \"Q4_K\"; it has m-IQ4_XS.gguf, m-Q4_K_M.gguf");
    EXPECT_THAT(chosen(answer, "Q4_XS"), HasSubstr("has no file for"));
}

TEST(HuggingFace, WithoutAQuantisationTheOnlyFileWillDo) {
    EXPECT_EQ(chosen(repository({"model.gguf", "mmproj-f16.gguf"}), "latest"), "model.gguf");
    EXPECT_THAT(chosen(repository({"m-Q5_0.gguf", "m-Q8_0.gguf"}), "latest"),
                HasSubstr("no file for \"Q4_K_M\"; it has m-Q5_0.gguf, m-Q8_0.gguf"));
    EXPECT_EQ(chosen(repository({"model.safetensors"}), "latest"), "the repository has no GGUF files");
    EXPECT_EQ(choose_files({}, "latest").error().code, Code::not_found);
}

TEST(HuggingFace, TakesTheProjectorAlong) {
    const auto choice = choose_files(
        repository({"m-Q4_K_M.gguf", "mmproj-m-BF16.gguf", "mmproj-m-F16.gguf", "mmproj-m-F32.gguf"}), "latest");
    ASSERT_TRUE(choice && choice->mmproj);
    EXPECT_EQ(choice->mmproj->name, "mmproj-m-F16.gguf");
}

TEST(HuggingFace, ASizeBelowZeroIsNone) {
    const auto answer = boost::json::parse(R"({"siblings":[{"rfilename":"m.gguf","size":-1}]})").as_object();
    const auto choice = choose_files(answer, "latest");
    ASSERT_TRUE(choice.has_value());
    EXPECT_EQ(choice->model.size, std::nullopt);
}

TEST(HuggingFace, AModelInSeveralFilesIsNotSupported) {
    const auto answer = repository({"m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "m-Q4_0.gguf"});
    const auto choice = choose_files(answer, "Q8_0");
    EXPECT_EQ(choice.error().code, Code::unsupported);
    EXPECT_EQ(choice.error().message, "m-Q8_0-00001-of-00002.gguf is split into 2 files, which is not supported");
    EXPECT_EQ(chosen(answer, "q4_0"), "m-Q4_0.gguf");
    EXPECT_EQ(chosen(repository({"a-Q8_0.gguf", "b-Q8_0.gguf"}), "Q8_0"),
              "several files fit \"Q8_0\": a-Q8_0.gguf, b-Q8_0.gguf; name one of them");
}

TEST(Sources, ReadWhatSha256sumPrints) {
    const std::string hex(64, 'b');
    EXPECT_EQ(digest_in_sum(hex + "  model.gguf\n"), "sha256:" + hex);
    EXPECT_EQ(digest_in_sum(hex), "sha256:" + hex);
    EXPECT_EQ(digest_in_sum("<html>"), std::nullopt);
    EXPECT_EQ(digest_in_sum(""), std::nullopt);
}

}  // namespace sarai::library::hugging_face_test
