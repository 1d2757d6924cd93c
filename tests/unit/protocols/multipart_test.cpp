#include "protocols/multipart.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace sarai::protocols::multipart_test {
namespace {

using testing::HasSubstr;

constexpr std::string_view type = "multipart/form-data; boundary=b";

// A form of one part with these lines as its headers.
std::string form(std::string_view headers, std::string_view body = "x") {
    return fmt::format("--b\r\n{}\r\n\r\n{}\r\n--b--\r\n", headers, body);
}
std::string named(std::string_view parameters) {
    return form(fmt::format("Content-Disposition: form-data{}", parameters));
}

TEST(Multipart, HasTheFieldsAndTheFileOfAForm) {
    const std::string body =
        "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nwhisper-1\r\n"
        "--b\r\nContent-Type: audio/wav\r\ncontent-disposition: FORM-DATA; name=file; filename=\"a.wav\"\r\n\r\n"
        "RIFF\x01\r\n--bc\r\n\r\n--b--\r\n";
    const auto parts = parse_form(type, body);
    ASSERT_TRUE(parts) << parts.error().message;
    ASSERT_EQ(parts->size(), 2U);
    EXPECT_EQ(parts->front().name, "model");
    EXPECT_EQ(parts->front().body, "whisper-1");
    EXPECT_EQ(parts->back().name, "file");
    EXPECT_EQ(parts->back().filename, "a.wav");
    EXPECT_EQ(parts->back().type, "audio/wav");
    EXPECT_EQ(parts->back().body, std::string_view(body).substr(body.find("RIFF"), parts->back().body.size()));
    EXPECT_TRUE(parts->back().body.ends_with("\r\n--bc\r\n")) << "what only begins like a boundary is content";
}

TEST(Multipart, IsReadHoweverClientsWriteIt) {
    const auto parse = [](std::string_view content_type, std::string_view body) {
        const auto parts = parse_form(content_type, body);
        EXPECT_TRUE(parts) << body << ": " << parts.error().message;
        return parts && parts->size() == 1 ? std::string(parts->front().body) : "none";
    };
    const std::string_view part = "Content-Disposition: form-data; name=\"f\"\r\n\r\nx\r\n";
    EXPECT_EQ(parse("Multipart/Form-Data;charset=utf-8; Boundary=\"a b\"", fmt::format("--a b\r\n{}--a b--", part)),
              "x");
    EXPECT_EQ(parse(type, fmt::format("a preamble\r\n--b \t\r\n{}--b-- \r\nan epilogue\r\n--b\r\n", part)), "x");
    EXPECT_EQ(parse(type, named(";name=\"f\" ; filename=\"\"")), "x");
    EXPECT_EQ(parse(type, form("Content-Disposition: form-data; name=f\r\nX-More: 1", "")), "");
    EXPECT_EQ(parse_form(type, "--b--")->size(), 0U);
}

TEST(Multipart, NamesAreWhatTheirWritersMean) {
    struct Case {
        std::string written, name, filename;
    };
    for (const auto& [written, name, filename] : {
             Case{R"(; name="a \"b\""; filename="c\\d")", "a \"b\"", "c\\d"},
             Case{R"(; name="a%22%0D%0Ab%"; filename="100%25")", "a\"\r\nb%", "100%25"},
             Case{R"(; name="f"; filename="C:\tmp\a.wav")", "f", "C:\\tmp\\a.wav"},
             Case{R"(; name="niño"; filename="a;b=c.wav")", "niño", "a;b=c.wav"},
             Case{R"(; name=f; filename="n.wav"; filename*=UTF-8'es'ni%C3%B1o.wav)", "f", "niño.wav"},
             Case{"; name=f; filename=\"\xFF.wav\"", "f", "\uFFFD.wav"},
         }) {
        const auto body = named(written);
        const auto parts = parse_form(type, body);
        ASSERT_TRUE(parts) << written << ": " << parts.error().message;
        EXPECT_EQ(parts->front().name, name) << written;
        EXPECT_EQ(parts->front().filename, filename) << written;
    }
}

TEST(Multipart, WhatIsNoneSaysWhy) {
    struct Case {
        std::string type, body, message;
    };
    const std::string t(type);
    for (const auto& [content_type, body, message] : {
             Case{"", "", "no Content-Type"},
             Case{"application/json", "{}", "the body is application/json; expected multipart/form-data"},
             Case{"multipart/form-data", "", "no boundary"},
             Case{"multipart/form-data; boundary=", "", "cannot be read"},
             Case{"multipart/form-data; boundary=\"b", "", "cannot be read"},
             Case{"multipart/form-data; boundary=a; boundary=b", "", "cannot be read"},
             Case{"multipart/form-data; boundary=\"a\x01\"", "", "is none; expected 1 to 70"},
             Case{"multipart/form-data; boundary=\"a \"", "", "is none; expected 1 to 70"},
             Case{"multipart/form-data; boundary=" + std::string(71, 'a'), "", "is none; expected 1 to 70"},
             Case{t, "", "does not have its boundary \"b\""},
             Case{t, "--c\r\n", "does not have its boundary \"b\""},
             Case{t, "--b\n\n--b--", "does not have its boundary \"b\""},
             Case{t, "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nx", "part 1 of the form: its closing"},
             Case{t, "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n\r\nx--b--", "closing boundary is missing"},
             Case{t, "--b\r\n--b--", "closing boundary is missing"},
             Case{t, "--b\r\nContent-Disposition: form-data; name=\"f\"\r\n--b--", "part 1 of the form ends before"},
             Case{t, "--b\r\n\r\nx\r\n--b--", "no Content-Disposition"},
             Case{t, form("Content-Type: text/plain"), "no Content-Disposition"},
             Case{t, form("Content-Disposition"), "expected NAME: VALUE"},
             Case{t, form(" folded: x"), "expected NAME: VALUE"},
             Case{t, form("Content-Disposition: form-data; name=a\r\nContent-Disposition: form-data; name=b"),
                  "two Content-Dispositions"},
             Case{t, form("Content-Disposition: attachment; name=f"), "expected form-data; name="},
             Case{t, named(""), "expected form-data; name="},
             Case{t, named("; name=\"\""), "expected form-data; name="},
             Case{t, named("; name=\"f"), "expected form-data; name="},
             Case{t, named("; name=a; name=b"), "expected form-data; name="},
             Case{t, named("; name=\"\xFF\""), "not UTF-8"},
             Case{t, named("; name=f; filename*=latin1''a"), "expected UTF-8''"},
             Case{t, named("; name=f; filename*=UTF-8''%F"), "expected UTF-8''"},
             Case{t, form("Content-Disposition: form-data; name=f\r\nContent-Transfer-Encoding: base64"), "\"base64\""},
             Case{t, form("X: " + std::string(9000, 'x')), "headers of more than 8192 bytes"},
         }) {
        const auto parts = parse_form(content_type, body);
        ASSERT_FALSE(parts) << content_type << "\n" << body;
        EXPECT_EQ(parts.error().code, Code::invalid_argument);
        EXPECT_THAT(parts.error().message, HasSubstr(message)) << content_type << "\n" << body;
    }
}

TEST(Multipart, HasAsManyPartsAsAreAllowed) {
    std::string body;
    for (int i = 0; i < 3; ++i) body += "--b\r\nContent-Disposition: form-data; name=f\r\n\r\n\r\n";
    body += "--b--";
    EXPECT_EQ(parse_form(type, body, {.parts = 3})->size(), 3U);
    EXPECT_THAT(parse_form(type, body, {.parts = 2}).error().message, HasSubstr("more than 2 parts"));
}

TEST(Multipart, ThatWasCutOffAnywhereIsAnError) {
    const auto whole = form("Content-Disposition: form-data; name=\"f\"", "some bytes");
    for (std::size_t size = 0; size + 2 < whole.size(); ++size)
        EXPECT_FALSE(parse_form(type, std::string_view(whole).substr(0, size))) << size;
}

}  // namespace
}  // namespace sarai::protocols::multipart_test
