#include "cli/attachment.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/serialize.hpp>
#include <fstream>

#include "cli/chat.hpp"
#include "cli/transcript.hpp"
#include "support/temp_folder.hpp"

namespace sarai::cli::attachment_test {
namespace {

using namespace std::string_literals;
using testing::HasSubstr;

const auto png = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR"s;
const auto wav = "RIFF\x24\0\0\0WAVEfmt "s;

class Attachments : public testing::Test {
protected:
    std::filesystem::path file(const std::string& name, const std::string& bytes) {
        const auto path = folder_.path() / name;
        std::ofstream(path, std::ios::binary) << bytes;
        return path;
    }
    static std::string problem(const std::filesystem::path& path, media::Family family) {
        const auto read = read_attachment(path, family);
        return read ? "" : read.error().message;
    }
    test::TempFolder folder_;
};

}  // namespace

TEST_F(Attachments, AreWhatTheirBytesSay) {
    const auto picture = read_attachment(file("a.txt", png), media::Family::image);
    ASSERT_TRUE(picture) << picture.error().message;
    EXPECT_EQ(picture->kind, "PNG");
    EXPECT_EQ(picture->name, "a.txt");
    EXPECT_EQ(picture->size.count, std::ssize(png));
    EXPECT_EQ(boost::json::serialize(picture->part),
              R"({"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}})");
    const auto sound = read_attachment(file("b.wav", wav), media::Family::audio);
    ASSERT_TRUE(sound) << sound.error().message;
    EXPECT_EQ(boost::json::serialize(sound->part),
              R"({"type":"input_audio","input_audio":{"data":"UklGRiQAAABXQVZFZm10IA==","format":"wav"}})");
}

TEST_F(Attachments, AreRefusedWithTheirFileAndWhatWasExpected) {
    EXPECT_THAT(problem(folder_.path() / "none.png", media::Family::image), HasSubstr("there is no "));
    EXPECT_THAT(problem(folder_.path(), media::Family::image), HasSubstr("is no file"));
    EXPECT_THAT(problem(file("empty.png", ""), media::Family::image), HasSubstr("is empty"));
    EXPECT_THAT(problem(file("a.png", wav), media::Family::image), HasSubstr("is WAV; expected a picture"));
    EXPECT_THAT(problem(file("b.wav", png), media::Family::audio), HasSubstr("is PNG; expected a recording"));
    const auto large = file("large.png", png);
    std::filesystem::resize_file(large, (21U << 20U));
    EXPECT_THAT(problem(large, media::Family::image), HasSubstr("has 21 MiB; expected at most 20 MiB"));
}

TEST_F(Attachments, HavePathsAsTheyAreTyped) {
    const config::Environment environment{.variables = {{"HOME", "/home/ann"}}};
    EXPECT_EQ(typed_path("~/a b.png", environment), "/home/ann/a b.png");
    EXPECT_EQ(typed_path("'/tmp/a b.png'", environment), "/tmp/a b.png");
    EXPECT_EQ(typed_path("~ann", environment), "~ann");
    EXPECT_EQ(typed_path("\"", environment), "\"");
}

TEST_F(Attachments, GoWithTheirMessageAndAreNamedInATranscript) {
    const std::vector<Message> messages{
        {.role = "user",
         .text = "What is it?",
         .attachments = {read_attachment(file("a.png", png), media::Family::image).value()}},
        {.role = "assistant", .text = "A cat.", .by = "omni"}};
    const ChatSettings settings{.system = "Be brief.", .temperature = 0.5};
    EXPECT_EQ(chat_request("omni", messages, settings),
              R"({"model":"omni","messages":[{"role":"system","content":"Be brief."},{"role":"user","content":[)"
              R"({"type":"image_url","image_url":{"url":"data:image/png;base64,iVBORw0KGgoAAAANSUhEUg=="}},)"
              R"({"type":"text","text":"What is it?"}]},{"role":"assistant","content":"A cat."}],)"
              R"("stream":true,"stream_options":{"include_usage":true},"temperature":5E-1})");
    EXPECT_EQ(transcript_markdown("lfm2", settings, messages),
              "# Conversation with lfm2\n\n## System\n\nBe brief.\n\n## You\n\n(a.png, PNG)\n\nWhat is it?\n\n"
              "## omni\n\nA cat.\n");
    const auto saved = transcript_json("lfm2", {}, {messages.back()});
    EXPECT_EQ(saved, "{\"model\":\"lfm2\",\"messages\":[{\"role\":\"assistant\",\"content\":\"A cat.\"}]}\n");
}

}  // namespace sarai::cli::attachment_test
