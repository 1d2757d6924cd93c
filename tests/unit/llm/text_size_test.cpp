#include "llm/text_size.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::llm::text_size_test {

namespace json = boost::json;

TEST(TextSize, CountsAllButMedia) {
    const auto size = [](std::string_view body) {
        return text_size({.task = Task::chat, .model = "m", .body = json::parse(body).as_object()});
    };
    const std::string much(1000, 'x');
    EXPECT_GE(size(R"({"messages":[{"role":"user","content":")" + much + R"("}]})"), 1000U);
    EXPECT_GE(size(R"({"messages":[{"role":"user","content":[{"type":"text","text":")" + much + R"("}]}]})"), 1000U);
    EXPECT_GE(size(R"({"messages":[],"tools":[{"description":")" + much + R"("}]})"), 1000U);
    for (const auto* type : {"image_url", "input_audio", "video_url", "file"})
        EXPECT_LT(size(R"({"messages":[{"role":"user","content":[{"type":")" + std::string(type) + R"(","data":")" +
                       much + R"("}]}]})"),
                  50U)
            << type;
}

}  // namespace sarai::llm::text_size_test
