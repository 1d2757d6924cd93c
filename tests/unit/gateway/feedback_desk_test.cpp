#include "gateway/feedback_desk.hpp"

#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>

namespace sarai::gateway::feedback_desk_test {
namespace {

std::string refusal(std::string_view body) {
    const auto said = decode_feedback(body);
    return said ? "" : said.error().message;
}

history::Feedback feedback(std::string label, bool right, std::string said) {
    return {.request_id = "req-1",
            .route = "pinned",
            .model = "lfm2",
            .label = std::move(label),
            .right = right,
            .said = std::move(said),
            .language = "es",
            .text = "Hola"};
}
std::string line(const history::Feedback& of) {
    const auto training = training_of(of);
    return training ? boost::json::serialize(*training) : "";
}

}  // namespace

TEST(FeedbackDesk, ReadsWhatIsSaid) {
    const auto said = decode_feedback(R"({"request_id": "req-1", "right": false, "label": "web_query"})");
    ASSERT_TRUE(said);
    EXPECT_EQ(said->request_id, "req-1");
    EXPECT_FALSE(said->right);
    EXPECT_EQ(said->label, router::Label::web_query);
    EXPECT_EQ(decode_feedback(R"({"request_id": "x", "right": true})")->label, std::nullopt);
}

TEST(FeedbackDesk, NamesTheFieldThatIsWrong) {
    EXPECT_TRUE(refusal("{").contains("the body is not valid JSON: "));
    EXPECT_TRUE(refusal("[]").contains("expected a JSON object"));
    EXPECT_TRUE(refusal(R"({"right": true})").contains("'request_id' is missing"));
    EXPECT_TRUE(refusal(R"({"request_id": "x"})").contains("'right' is missing; expected true or false"));
    EXPECT_TRUE(refusal(R"({"request_id": "x", "right": "yes"})").contains("'right' is \"yes\""));
    EXPECT_TRUE(refusal(R"({"request_id": "x", "right": true, "label": "sof"})").contains("did you mean soft?"));
    EXPECT_TRUE(
        refusal(R"({"request_id": "x", "right": true, "label": 5})").contains("expected hard, soft or web_query"));
}

TEST(FeedbackDesk, TrainsWithWhatWasRightOrWhatWouldHaveBeen) {
    EXPECT_EQ(line(feedback("soft", true, "")), R"({"text":"Hola","label":"soft","lang":"es"})");
    EXPECT_EQ(line(feedback("soft", false, "hard")), R"({"text":"Hola","label":"hard","lang":"es"})");
    EXPECT_EQ(line(feedback("soft", true, "hard")), R"({"text":"Hola","label":"hard","also":["soft"],"lang":"es"})");
    EXPECT_EQ(line(feedback("", true, "hard")), R"({"text":"Hola","label":"hard","lang":"es"})");
}

TEST(FeedbackDesk, TrainsWithNothingThatNobodyKnows) {
    EXPECT_EQ(line(feedback("soft", false, "")), "") << "wrong, but what is right?";
    EXPECT_EQ(line(feedback("", true, "")), "") << "no label decided";
    auto without = feedback("soft", true, "");
    without.text.clear();
    EXPECT_EQ(line(without), "");
    auto other = feedback("soft", true, "");
    other.language = "other";
    EXPECT_EQ(line(other), R"({"text":"Hola","label":"soft","lang":"en"})") << "no letter tells";
    other.text = "¿Qué tal?";
    EXPECT_EQ(line(other), R"({"text":"¿Qué tal?","label":"soft","lang":"es"})");
}

}  // namespace sarai::gateway::feedback_desk_test
