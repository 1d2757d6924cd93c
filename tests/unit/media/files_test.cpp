#include "media/files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "media/data_uri.hpp"
#include "media_files.hpp"

namespace sarai::media::files_test {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

json::object with(json::object file) {
    return {{"messages", json::array{json::object{
                             {"role", "user"},
                             {"content", json::array{json::object{{"type", "text"}, {"text", "hola"}},
                                                     json::object{{"type", "file"}, {"file", std::move(file)}}}}}}}};
}
json::value part_of(const json::object& body) {
    return body.at("messages").as_array()[0].as_object().at("content").as_array()[1];
}
// What becomes of a file, or why nothing does.
std::string named(json::object file, Bytes most = MiB(1)) {
    auto body = with(std::move(file));
    if (auto done = name_files(body, most); !done) return done.error().field + ": " + done.error().message;
    return json::serialize(part_of(body));
}

}  // namespace

TEST(MediaFiles, AreNamedByTheirBytesAndKeepThem) {
    const auto picture = to_data_uri("application/octet-stream", png(4, 4));
    EXPECT_EQ(json::parse(named({{"file_data", picture}, {"filename", "a.mp3"}})),
              (json::object{{"type", "image_url"}, {"image_url", {{"url", picture}}}}));
    EXPECT_THAT(named({{"file_data", to_data_uri("", wav(8000, 1, 100))}}), StartsWith(R"({"type":"audio_url")"));
    EXPECT_THAT(named({{"file_data", to_data_uri("video/mp4", std::string("\0\0\0\x18", 4) + "ftypisom")}}),
                StartsWith(R"({"type":"video_url")"));
    EXPECT_EQ(named({{"file_data", "data:text/plain;base64,aG9sYSBtdW5kbw=="}, {"filename", "a.txt"}}),
              R"({"type":"text","text":"File a.txt:\nhola mundo"})");
    EXPECT_EQ(named({{"file_data", "aG9sYQ=="}}), R"({"type":"text","text":"hola"})") << "without a name";
}

TEST(MediaFiles, ThatAreToBeFetchedAreNamedByTheirEnding) {
    EXPECT_THAT(named({{"file_url", "https://host/a.b/film.MP4?size=2#t"}}), StartsWith(R"({"type":"video_url")"));
    EXPECT_THAT(named({{"file_url", "https://host/1"}, {"filename", "a.png"}}), StartsWith(R"({"type":"image_url")"));
    EXPECT_THAT(named({{"file_url", "https://host/notes"}}), HasSubstr("does not say what it is"));
}

TEST(MediaFiles, ThatNobodyReadsAreErrorsWithTheField) {
    const std::string field = "messages[0].content[1].file.file_data: ";
    EXPECT_THAT(named({{"file_data", to_data_uri("application/pdf", "%PDF-1.7 x")}}),
                StartsWith(field + "'messages[0]"));
    EXPECT_THAT(named({{"file_data", to_data_uri("", std::string(5000, 'x') + '\0')}}),
                HasSubstr("of no format that is known here; expected an image, sound, video or text"));
    EXPECT_THAT(named({{"file_data", to_data_uri("image/png", "hola")}}),
                HasSubstr("says image/png, but its bytes are text"));
    EXPECT_THAT(named({{"file_data", to_data_uri("", std::string(5000, 'x'))}}, KiB(1)), HasSubstr("at most 1"));
    EXPECT_THAT(named({{"file_data", "data:text/plain;base64,aG9sYQ==="}}), HasSubstr("which is no base64"));
    EXPECT_THAT(named({{"file_id", "file-1"}}), HasSubstr("names a file on a server"));
}

// Others say by their type what they are.
TEST(MediaFiles, OtherPartsStayAsTheyAre) {
    auto body = json::parse(R"({"messages": [{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:,x"}}, {"type": "text", "text": "hola"}]}]})")
                    .get_object();
    const auto before = body;
    ASSERT_TRUE(name_files(body, MiB(1)));
    EXPECT_EQ(body, before);
}

// A look costs no more than what it shows, wherever it ends: between the digits of a byte, the bytes of a character.
TEST(MediaFiles, ALookIsAtTheBeginning) {
    std::string text;
    while (text.size() < 100'000) text += "año ";
    for (const auto& data : {to_data_uri("text/plain", text), to_data_uri("", text).substr(13), "data:," + text})
        for (std::size_t most = 9000; most < 9006; ++most) {
            const auto body = with({{"file_data", data}});
            const auto glance = look_at(*file_in(part_of(body)), most);
            EXPECT_EQ(glance.family, Family::document);
            EXPECT_TRUE(text.starts_with(glance.text));
            EXPECT_LE(glance.text.size(), most);
            EXPECT_GT(glance.text.size(), most / 2);
            EXPECT_NEAR(static_cast<double>(glance.size), static_cast<double>(text.size()), 50);
        }
}

}  // namespace sarai::media::files_test
