#include "media/converter.hpp"

#include "../../unit/media/media_files.hpp"
#include "media/image_header.hpp"
#include "media/wav.hpp"
#include "media_test.hpp"

namespace sarai::media::converter_test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

class ConverterTest : public MediaTest {
protected:
    ConverterTest() {
        limits.folder = folder.path() / "scratch";
        std::filesystem::create_directory(limits.folder);
    }
    Converter& converter() {
        if (!made_) made_ = std::make_unique<Converter>(io.get_executor(), limits);
        return *made_;
    }
    // Files of conversions are gone, with a moment for the thread that removes them.
    void expect_nothing_left() {
        made_.reset();
        EXPECT_TRUE(std::filesystem::is_empty(limits.folder));
    }

    ConverterLimits limits;

private:
    std::unique_ptr<Converter> made_;
};

TEST_F(ConverterTest, MakesAPngOfEachFormatAndScalesItDown) {
    for (const auto& [name, kind] : {std::pair{"a.webp", Kind::webp},
                                     {"a.gif", Kind::gif},
                                     {"a.bmp", Kind::bmp},
                                     {"a.tiff", Kind::tiff},
                                     {"a.png", Kind::png},
                                     {"a.jpg", Kind::jpeg}}) {
        const auto bytes = made("-f lavfi -i testsrc=s=120x80 -frames:v 1", name);
        ASSERT_EQ(sniff(bytes), kind) << name;
        run([&]() -> asio::awaitable<void> {
            const auto png = co_await converter().picture(kind, bytes, {.longest_side = 60, .max_pixels = 10'000});
            EXPECT_TRUE(png) << name << ": " << png.error().message;
            if (!png) co_return;
            const auto header = read_image_header(Kind::png, png->bytes, 10'000, name);
            EXPECT_TRUE(header) << header.error().message;
            EXPECT_EQ(header->width, 60U);
            EXPECT_EQ(header->height, 40U);
        });
    }
    expect_nothing_left();
}

TEST_F(ConverterTest, MakesSixteenKilohertzMonoOfEachSound) {
    for (const auto& [name, kind] : {std::pair{"a.mp3", Kind::mp3},
                                     {"a.flac", Kind::flac},
                                     {"a.ogg", Kind::ogg},
                                     {"a.opus", Kind::ogg},
                                     {"a.m4a", Kind::m4a},
                                     {"a.aac", Kind::aac},
                                     {"a.webm", Kind::webm},
                                     {"a.wav", Kind::wav}}) {
        const auto bytes = made("-f lavfi -i sine=d=2:r=44100 -ac 2", name);
        ASSERT_EQ(sniff(bytes), kind) << name;
        run([&]() -> asio::awaitable<void> {
            const auto sound = co_await converter().sound(kind, bytes);
            EXPECT_TRUE(sound) << name << ": " << sound.error().message;
            if (!sound) co_return;
            const auto header = read_wav_header(sound->wav, name);
            EXPECT_EQ(header->rate, 16'000U);
            EXPECT_EQ(header->channels, 1U);
            EXPECT_EQ(header->bits, 16U);
            EXPECT_NEAR(sound->seconds, 2, 0.15) << name;
        });
    }
    expect_nothing_left();
}

TEST_F(ConverterTest, TakesAFilmApartIntoTimedFramesAndSound) {
    for (const auto* name : {"a.mp4", "a.mkv", "a.avi"}) {
        const auto bytes = made("-f lavfi -i testsrc=d=4:s=64x48:r=10 -f lavfi -i sine=d=4 -shortest", name);
        run([&]() -> asio::awaitable<void> {
            const auto film = co_await converter().film(sniff(bytes), bytes, {.frames = 8, .per_second = 1});
            EXPECT_TRUE(film) << name << ": " << film.error().message;
            if (!film) co_return;
            EXPECT_NEAR(film->seconds, 4, 0.2);
            EXPECT_NEAR(film->sound.seconds, 4, 0.2);
            // A container may be longer than its pictures, by the padding of its sound.
            EXPECT_GE(film->frames.size(), 4U) << name;
            EXPECT_LE(film->frames.size(), 5U) << name;
            for (std::size_t i = 0; i < film->frames.size(); ++i) {
                EXPECT_NEAR(static_cast<double>(film->frames[i].at.count()), 1000.0 * static_cast<double>(i), 101);
                EXPECT_EQ(sniff(film->frames[i].jpeg), Kind::jpeg);
            }
        });
        run([&]() -> asio::awaitable<void> {
            const auto few = co_await converter().film(sniff(bytes), bytes, {.frames = 2, .sound = false});
            EXPECT_TRUE(few);
            if (!few) co_return;
            EXPECT_EQ(few->frames.size(), 2U);
            EXPECT_NEAR(static_cast<double>(few->frames.back().at.count()), 2000, 101);  // spread over the whole
            EXPECT_TRUE(few->sound.wav.empty());
        });
    }
    expect_nothing_left();
}

TEST_F(ConverterTest, SaysWhatIsWrongWithBytesThatAreNoSuchFile) {
    run([&]() -> asio::awaitable<void> {
        const auto picture = co_await converter().picture(Kind::webp, "RIFF\x10\0\0\0WEBPVP8 garbage", {});
        EXPECT_FALSE(picture);
        EXPECT_EQ(picture.error().code, Code::invalid_argument);
        EXPECT_THAT(picture.error().message, HasSubstr("cannot be read"));
        EXPECT_THAT(picture.error().message, Not(HasSubstr(limits.folder.string())));
        const auto sound = co_await converter().sound(Kind::mp3, "ID3" + std::string(3000, 'x'));
        EXPECT_FALSE(sound);
        EXPECT_EQ(sound.error().code, Code::invalid_argument);
        const auto film = co_await converter().film(Kind::mp4, std::string(2000, 'x'), {});
        EXPECT_FALSE(film);
        EXPECT_EQ(film.error().code, Code::invalid_argument);
    });
    expect_nothing_left();
}

// Whatever a client calls it: a list of files is never opened as one.
TEST_F(ConverterTest, FollowsNoPlaylistToFilesOrServers) {
    std::ofstream(folder.path() / "secret.wav", std::ios::binary) << made("-f lavfi -i sine=d=1", "s.wav");
    const auto secret = (folder.path() / "secret.wav").string();
    for (const auto& list : {"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://" + secret + "\n#EXT-X-ENDLIST\n",
                             "ffconcat version 1.0\nfile '" + secret + "'\n",
                             std::string("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n")})
        for (const auto kind : {Kind::mp4, Kind::webm, Kind::mp3, Kind::ogg, Kind::wav, Kind::avi, Kind::aac})
            run([&]() -> asio::awaitable<void> {
                const auto sound = co_await converter().sound(kind, list);
                EXPECT_FALSE(sound) << name_of(kind) << list;
                EXPECT_EQ(sound.error().code, Code::invalid_argument) << sound.error().message;
            });
    expect_nothing_left();
}

TEST_F(ConverterTest, EndsWhatTakesTooLongAndWhatBecomesTooLarge) {
    const auto bytes = made("-f lavfi -i sine=d=60:r=16000 -b:a 16k", "long.mp3");
    limits.output = KiB(64);
    run([&]() -> asio::awaitable<void> {
        const auto sound = co_await converter().sound(Kind::mp3, bytes);
        EXPECT_FALSE(sound);
        EXPECT_EQ(sound.error().code, Code::too_large) << sound.error().message;
    });
    expect_nothing_left();
    limits.output = MiB(64);
    limits.most_sound = 10s;
    run([&]() -> asio::awaitable<void> {
        const auto sound = co_await converter().sound(Kind::mp3, bytes);
        EXPECT_FALSE(sound);
        EXPECT_EQ(sound.error().code, Code::too_large);
        EXPECT_THAT(sound.error().message, HasSubstr("longer than 10 s"));
    });
    expect_nothing_left();
    std::ofstream(folder.path() / "stuck") << "#!/bin/sh\nsleep 60\n";
    std::filesystem::permissions(folder.path() / "stuck", std::filesystem::perms::owner_all);
    limits.ffmpeg = (folder.path() / "stuck").string();
    limits.time = 1s;
    run([&]() -> asio::awaitable<void> {
        const auto sound = co_await converter().sound(Kind::mp3, bytes);
        EXPECT_FALSE(sound);
        EXPECT_EQ(sound.error().code, Code::too_large);
    });
    expect_nothing_left();
}

TEST_F(ConverterTest, TellsWhatAChildMayTakeWhileItRunsAndGivesItNoMore) {
    Bytes now, most;
    converter().count_memory([&](Bytes bytes) -> Result<std::shared_ptr<void>> {
        now += bytes;
        most = std::max(most, now);
        return std::shared_ptr<void>(&now, [&, bytes](void*) { now -= bytes; });
    });
    const auto deep = made("-f lavfi -i testsrc=s=4000x3000 -frames:v 1 -pix_fmt rgba64be", "deep.png");
    run([&]() -> asio::awaitable<void> {
        // It takes 163 MiB.
        const auto whole = co_await converter().picture(
            Kind::png, deep, {.longest_side = 512, .pixels = 12'000'000, .max_pixels = 50'000'000});
        EXPECT_TRUE(whole) << whole.error().message;
        EXPECT_EQ(now, Bytes{});
        EXPECT_EQ(most, memory_of_picture(12'000'000));
        if (whole) EXPECT_EQ(whole->memory, most) << "who asked is told";
        const auto lied =
            co_await converter().picture(Kind::png, deep, {.longest_side = 512, .pixels = 1, .max_pixels = 50'000'000});
        EXPECT_FALSE(lied);
        EXPECT_EQ(lied.error().code, Code::too_large) << lied.error().message;
        EXPECT_EQ(now, Bytes{});
        // Where nobody knows how many there are, it may be as many as are allowed; and never more than any child gets.
        (void)co_await converter().picture(Kind::avif, "no picture", {.max_pixels = 50'000'000});
        EXPECT_EQ(most, memory_of_picture(50'000'000));
        (void)co_await converter().picture(Kind::avif, "no picture", {});
        EXPECT_EQ(most, limits.memory);
        EXPECT_EQ(now, Bytes{});
        most = {};
        const auto bytes = made("-f lavfi -i testsrc=d=1:s=1920x1080:r=2 -f lavfi -i sine=d=1 -shortest", "a.mp4");
        const auto film = co_await converter().film(sniff(bytes), bytes, {.frames = 1, .per_second = 1});
        EXPECT_TRUE(film) << film.error().message;
        if (film) EXPECT_EQ(film->memory, most);
        EXPECT_GE(most, memory_of_probe());
    });
    expect_nothing_left();
}

TEST_F(ConverterTest, WaitsForMemoryThatComesAndForNoOther) {
    limits.patience = std::chrono::seconds(2);
    int asked = 0;
    auto answer = Code::busy;
    int from = 3;
    converter().count_memory([&](Bytes) -> Result<std::shared_ptr<void>> {
        if (++asked < from) return fail(answer, "none");
        return std::shared_ptr<void>(&asked, [](void*) {});
    });
    const auto png = made("-f lavfi -i testsrc=s=64x64 -frames:v 1", "small.png");
    run([&]() -> asio::awaitable<void> {
        const PictureOrder order{.longest_side = 32, .pixels = 64 * 64, .max_pixels = 4096};
        EXPECT_TRUE(co_await converter().picture(Kind::png, png, order));
        EXPECT_EQ(asked, 3);
        from = 1000;
        const auto patient = co_await converter().picture(Kind::png, png, order);
        EXPECT_EQ(patient.error().code, Code::no_memory);
        EXPECT_GT(asked, 5);
        answer = Code::no_memory;
        asked = 0;
        const auto refused = co_await converter().picture(Kind::png, png, order);
        EXPECT_EQ(refused.error().code, Code::no_memory);
        EXPECT_EQ(asked, 1) << "at once";
    });
    expect_nothing_left();
}

TEST_F(ConverterTest, BlamesNoFileForADiskThatIsFullOrMemoryThatItDoesNotGive) {
    const auto program = folder.path() / "full";
    for (const auto& [status, code, words] : {std::tuple{228, Code::io, "no space left on the disk"},
                                              {244, Code::too_large, "more than 64 MiB of memory"},
                                              {1, Code::invalid_argument, "cannot be read"}}) {
        std::ofstream(program) << "#!/bin/sh\necho 'Error writing trailer' >&2\nexit " << status << "\n";
        std::filesystem::permissions(program, std::filesystem::perms::owner_all);
        limits.ffmpeg = program.string();
        run([&]() -> asio::awaitable<void> {
            const auto sound = co_await converter().sound(Kind::mp3, "ID3");
            EXPECT_FALSE(sound);
            if (sound) co_return;
            EXPECT_EQ(sound.error().code, code) << sound.error().message;
            EXPECT_THAT(sound.error().message, HasSubstr(words));
        });
        expect_nothing_left();
    }
}

TEST_F(ConverterTest, MakesARecordingWaitForAPlaceAsLongAsItsPatienceAllows) {
    limits.recordings = 1;
    const auto bytes = wav(16'000, 1, 16'000);
    run([&]() -> asio::awaitable<void> {
        {
            const auto first = co_await converter().recording(Kind::wav, bytes, 1s);
            EXPECT_TRUE(first) << first.error().message;
            const auto second = co_await converter().recording(Kind::wav, bytes, 50ms);
            EXPECT_FALSE(second);
            if (second) co_return;
            EXPECT_EQ(second.error().code, Code::busy);
            EXPECT_GT(second.error().retry_after, 0s);
            EXPECT_THAT(second.error().message, HasSubstr("0.05 s"));
        }
        const auto third = co_await converter().recording(Kind::wav, bytes, 1s);
        EXPECT_TRUE(third) << third.error().message;
    });
    expect_nothing_left();
}

TEST_F(ConverterTest, SaysWhatToInstallWhereThereIsNoFfmpeg) {
    limits.ffmpeg = "no-such-program";
    run([&]() -> asio::awaitable<void> {
        const auto picture = co_await converter().picture(Kind::gif, "GIF89a", {});
        EXPECT_FALSE(picture);
        EXPECT_EQ(picture.error().code, Code::unsupported);
        EXPECT_THAT(picture.error().hint, HasSubstr("ffmpeg"));
    });
}

}  // namespace
}  // namespace sarai::media::converter_test
