#include "media/normalizer.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include "../../unit/media/media_files.hpp"
#include "media/data_uri.hpp"
#include "media_test.hpp"
#include "protocols/base64.hpp"

namespace sarai::media::normalizer_test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class NormalizerTest : public MediaTest {
protected:
    // The content of a message of one part, after it.
    Result<MediaReport> normalize(json::object part, MediaWish wish = {}) {
        request = {.model = "m",
                   .body = {{"messages",
                             {{{"role", "user"}, {"content", {{{"type", "text"}, {"text", "q"}}, std::move(part)}}}}}}};
        request.text = "as it came";
        return normalize_again(wish);
    }
    Result<MediaReport> normalize_again(MediaWish wish = {}) {
        Result<MediaReport> report;
        run([&]() -> asio::awaitable<void> {
            const Fetcher fetcher(settings);
            Converter converter(io.get_executor());
            const Normalizer normalizer(settings, fetcher, converter);
            report = co_await normalizer.normalize(request, wish);
        });
        return report;
    }
    const json::array& content() { return request.body.at("messages").at(0).at("content").as_array(); }
    std::string url(std::size_t part) { return std::string(content().at(part).at("image_url").at("url").as_string()); }

    static json::object image(std::string_view url) { return {{"type", "image_url"}, {"image_url", {{"url", url}}}}; }
    static json::object audio(std::string_view bytes, std::string_view format) {
        return {{"type", "input_audio"},
                {"input_audio", {{"data", protocols::encode_base64(bytes)}, {"format", format}}}};
    }
    void expect_refused(const json::object& part, Code code, std::string_view field, std::string_view why) {
        const auto report = normalize(part);
        ASSERT_FALSE(report) << why;
        EXPECT_EQ(report.error().code, code) << report.error().message;
        EXPECT_EQ(report.error().field, field);
        EXPECT_THAT(report.error().message, AllOf(HasSubstr(field), HasSubstr(why)));
        EXPECT_EQ(request.text, "as it came");
    }

    config::Media settings;
    llm::Request request;
};

constexpr std::string_view image_field = "messages[0].content[1].image_url.url";
constexpr std::string_view audio_field = "messages[0].content[1].input_audio.data";

TEST_F(NormalizerTest, LeavesATextAsItIs) {
    const auto report = normalize({{"type", "text"}, {"text", "more"}});
    ASSERT_TRUE(report);
    EXPECT_EQ(request.text, "as it came");
    EXPECT_EQ(report->images, 0);
}

TEST_F(NormalizerTest, PassesAPngOnAndReportsIt) {
    const auto bytes = png(20, 10);
    const auto report = normalize(image(to_data_uri("image/png", bytes)));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(url(1), to_data_uri("image/png", bytes));
    EXPECT_EQ(report->images, 1);
    EXPECT_EQ(report->converted, 0);
    EXPECT_EQ(report->pixels, 200);
    EXPECT_EQ(report->bytes.count, static_cast<std::int64_t>(bytes.size()));
    EXPECT_TRUE(request.text.empty());
}

TEST_F(NormalizerTest, MakesPngOfOtherFormatsAndScalesLargeOnes) {
    const auto converted =
        normalize(image(to_data_uri("image/gif", made("-f lavfi -i testsrc=s=32x16 -frames:v 1", "a.gif"))));
    ASSERT_TRUE(converted) << converted.error().message;
    EXPECT_TRUE(url(1).starts_with("data:image/png;base64,iVBOR"));
    EXPECT_EQ(converted->pixels, 32 * 16);
    const auto scaled =
        normalize(image(to_data_uri("image/jpeg", made("-f lavfi -i testsrc=s=200x100 -frames:v 1", "a.jpg"))),
                  {.longest_side = 50});
    ASSERT_TRUE(scaled) << scaled.error().message;
    EXPECT_TRUE(url(1).starts_with("data:image/jpeg;base64,/9j/"));
    EXPECT_EQ(scaled->pixels, 50 * 25);
    EXPECT_EQ(scaled->memory, memory_of_picture(200 * 100));
}

TEST_F(NormalizerTest, MakesWavOfSound) {
    const auto report = normalize(audio(made("-f lavfi -i sine=d=1", "a.mp3"), "mp3"));
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(content().at(1).at("input_audio").at("format"), "wav");
    EXPECT_NEAR(report->sound_seconds, 1, 0.1);
    const auto plain = wav(16'000, 1, 1'600);
    ASSERT_TRUE(normalize(audio(plain, "wav")));
    EXPECT_EQ(content().at(1).at("input_audio").at("data").as_string(), protocols::encode_base64(plain));
}

TEST_F(NormalizerTest, RefusesMoreSoundThanAWorkerIsToHold) {
    // 1801 s in 1.8 MB, which a worker would hold as 115 MB.
    expect_refused(audio(wav(1'000, 1, 1'801'000, 8), "wav"), Code::too_large, audio_field, "1801 s of sound");
    EXPECT_TRUE(normalize(audio(wav(1'000, 1, 1'800'000, 8), "wav")));
    const auto minute = wav(1'000, 1, 60'000, 8);
    EXPECT_TRUE(normalize(audio(minute, "wav"), {.most_sound = std::chrono::seconds(60)}));
    const auto longer = normalize(audio(wav(1'000, 1, 61'000, 8), "wav"), {.most_sound = std::chrono::seconds(60)});
    ASSERT_FALSE(longer);
    EXPECT_EQ(longer.error().code, Code::too_large);
    EXPECT_THAT(longer.error().message, HasSubstr("expected at most 60 s"));
    EXPECT_THAT(longer.error().hint, HasSubstr("context"));
    const auto converted =
        normalize(audio(made("-f lavfi -i sine=d=3", "a.mp3"), "mp3"), {.most_sound = std::chrono::seconds(2)});
    ASSERT_FALSE(converted);
    EXPECT_EQ(converted.error().code, Code::too_large);
    request = {.model = "m",
               .body = {{"messages", {{{"role", "user"}, {"content", {audio(minute, "wav"), audio(minute, "wav")}}}}}}};
    run([&]() -> asio::awaitable<void> {
        const Fetcher fetcher(settings);
        Converter converter(io.get_executor());
        const Normalizer normalizer(settings, fetcher, converter);
        const auto both = co_await normalizer.normalize(request, {.most_sound = std::chrono::seconds(100)});
        EXPECT_FALSE(both);
        if (both) co_return;
        EXPECT_EQ(both.error().field, "messages[0].content[1].input_audio.data");
    });
}

TEST_F(NormalizerTest, TellsAFilmAsTimesFramesAndSound) {
    const auto film = made("-f lavfi -i testsrc=d=3:s=64x48:r=10 -f lavfi -i sine=d=3 -shortest", "a.mp4");
    const json::object part{{"type", "video_url"}, {"video_url", {{"url", to_data_uri("video/mp4", film)}}}};
    const auto report = normalize(part, {.frames_per_second = 1});
    ASSERT_TRUE(report) << report.error().message;
    EXPECT_EQ(report->films, 1);
    EXPECT_EQ(report->frames, 3);
    ASSERT_EQ(content().size(), 1U + 1 + 6 + 2);
    EXPECT_EQ(content().at(1).at("text"), "Video of 0:03.0, 3 frames:");
    EXPECT_EQ(content().at(2).at("text"), "0:00.0");
    EXPECT_TRUE(url(3).starts_with("data:image/jpeg;base64,"));
    EXPECT_EQ(content().at(9).at("type"), "input_audio");
    EXPECT_GE(report->memory, memory_of_probe());
    const auto once_more = normalize_again();
    ASSERT_TRUE(once_more) << once_more.error().message;
    EXPECT_EQ(once_more->converted, 0) << "what it became passes as it is";
    EXPECT_EQ(content().size(), 1U + 1 + 6 + 2);
    const auto budget = normalize(part, {.sound = false, .token_budget = 250, .tokens_per_frame = 100});
    ASSERT_TRUE(budget);
    EXPECT_EQ(budget->frames, 2);
    EXPECT_EQ(content().size(), 1U + 1 + 4);
}

TEST_F(NormalizerTest, TakesTheTextOfAFile) {
    ASSERT_TRUE(normalize(
        {{"type", "file"}, {"file", {{"file_data", "data:text/plain;base64,aG9sYQ=="}, {"filename", "a.txt"}}}}));
    EXPECT_EQ(content().at(1).at("text"), "File a.txt:\nhola");
}

TEST_F(NormalizerTest, RefusesWhatIsBrokenHugeEmptyMislabelledOrMalicious) {
    settings.max_bytes = KiB(64);
    settings.max_pixels = 10'000;
    expect_refused(image("data:image/png;base64,"), Code::invalid_argument, image_field, "is empty");
    expect_refused(image("data:image/png;base64,!!!!"), Code::invalid_argument, image_field, "no base64");
    expect_refused(image(to_data_uri("image/png", png(9, 9).substr(0, 100))), Code::invalid_argument, image_field,
                   "chunk");
    expect_refused(image(to_data_uri("image/png", png_with(50'000, 50'000, stored("")))), Code::too_large, image_field,
                   "50000 × 50000 pixels");
    expect_refused(image(to_data_uri("image/png", png_with(1, 1, stored(std::string(20'000, '\0'))))),
                   Code::invalid_argument, image_field, "unpack to more");
    expect_refused(image(to_data_uri("image/png", std::string(65 << 10, 'x'))), Code::too_large, image_field,
                   "expected at most 64 KiB");
    expect_refused(image(to_data_uri("image/png", "ID3\x04" + std::string(100, 'x'))), Code::invalid_argument,
                   image_field, "says image/png, but its bytes are MP3");
    expect_refused(image(to_data_uri("", wav(16'000, 1, 100))), Code::invalid_argument, image_field,
                   "is WAV; expected an image");
    expect_refused(image(to_data_uri("image/svg+xml", "<svg><image href='file:///etc/passwd'/></svg>")),
                   Code::unsupported, image_field, "is SVG");
    expect_refused(image(to_data_uri("", "#EXTM3U\nfile:///etc/passwd\n")), Code::invalid_argument, image_field,
                   "is text; expected an image");
    expect_refused(image(to_data_uri("image/gif", gif(20, 20).substr(0, 20))), Code::invalid_argument, image_field,
                   "cannot be read");
    expect_refused(image("http://127.0.0.1/a.png"), Code::invalid_argument, image_field, "loopback");
    expect_refused(image("file:///etc/passwd"), Code::invalid_argument, image_field, "no base64");
    expect_refused(audio("", "wav"), Code::invalid_argument, audio_field, "is \"\"");
    expect_refused(audio(wav(16'000, 1, 100).substr(0, 60), "wav"), Code::invalid_argument, audio_field, "header says");
    expect_refused(audio("ID3\x04" + std::string(3000, 'x'), "mp3"), Code::invalid_argument, audio_field,
                   "cannot be read");
    expect_refused(audio(png(2, 2), "wav"), Code::invalid_argument, audio_field, "says wav, but its bytes are PNG");
}

}  // namespace
}  // namespace sarai::media::normalizer_test
