#include "speech/speaker.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <memory>
#include <utility>

#include "engine/process.hpp"
#include "media/ffmpeg.hpp"
#include "net/ask_again.hpp"
#include "speech/commands.hpp"
#include "speech/sentences.hpp"

namespace sarai::speech {
namespace {

namespace asio = boost::asio;

// Of a WAV file as espeak-ng writes it to a pipe: nothing but "fmt " stands before the samples.
constexpr std::size_t wav_header = 44;

// Of both children while they speak: ffmpeg 9.0 took 49–53 MiB for each of the forms, of which 38 MiB are pages of
// programs and libraries, espeak-ng 6 MiB.
constexpr Bytes memory_of_speech = MiB(64);
// Of a speech for memory that others are about to leave.
constexpr std::chrono::seconds patience_for_memory{10};

using Child = std::unique_ptr<engine::ChildProcess>;

Result<std::filesystem::path> find(const std::string& program, std::string_view hint) {
    if (auto found = engine::find_program(program)) return found;
    return fail(Code::unsupported, fmt::format("{} is not installed, which would speak", program), std::string(hint));
}

Result<Child> start(const asio::any_io_executor& executor, const std::filesystem::path& program,
                    std::vector<std::string> arguments) {
    // Neither of them writes files; and what they need to speak for an hour is less.
    return engine::ChildProcess::start(executor, {.program = program,
                                                  .arguments = std::move(arguments),
                                                  .cage = {.address_space = GiB(1),
                                                           .data = memory_of_speech + media::untouched_stacks,
                                                           .file_size = KiB(1),
                                                           .cpu = std::chrono::seconds(60),
                                                           .network = false},
                                                  .piped = true});
}

asio::awaitable<Result<void>> end_of(engine::ChildProcess& child, std::string_view name) {
    const auto status = co_await child.wait();
    if (!status.signalled && status.code == 0) co_return Result<void>{};
    co_return fail(Code::io,
                   fmt::format("{} {}: {}", name, status.describe(), media::complaint(child.last_words(3), "")));
}

// One speech on its way.
class Speech {
public:
    Speech(asio::any_io_executor executor, Order order, Speaker::Sink sink)
        : executor_(std::move(executor)),
          order_(std::move(order)),
          sink_(std::move(sink)),
          pace_(pace_of(order_.speed)) {}

    asio::awaitable<Result<void>> go() {
        using namespace asio::experimental::awaitable_operators;
        const auto espeak = find("espeak-ng", "Install espeak-ng (Debian: espeak-ng).");
        if (!espeak) co_return std::unexpected(espeak.error());
        const auto ffmpeg = find("ffmpeg", "Install ffmpeg (Debian: ffmpeg).");
        if (!ffmpeg) co_return std::unexpected(ffmpeg.error());
        auto encoder = start(executor_, *ffmpeg, encoder_arguments(order_.format, pace_));
        if (!encoder) co_return std::unexpected(encoder.error());
        auto [spoken, passed] = co_await (speak_all(*espeak, **encoder) && pass_on(**encoder));
        if (!passed) co_return passed;
        if (!spoken && !encoder_failed_) co_return spoken;
        if (auto ended = co_await end_of(**encoder, "ffmpeg"); !ended) co_return ended;
        co_return spoken;
    }

private:
    asio::awaitable<Result<void>> speak_all(std::filesystem::path espeak, engine::ChildProcess& encoder) {
        for (const auto& sentence : split_sentences(order_.text))
            if (auto said = co_await speak(espeak, sentence, encoder); !said) {
                if (!encoder_failed_) encoder.signal(SIGKILL);  // what was said so far is not the whole
                co_return said;
            }
        encoder.end_input();
        co_return Result<void>{};
    }

    asio::awaitable<Result<void>> speak(const std::filesystem::path& espeak, const std::string& sentence,
                                        engine::ChildProcess& encoder) {
        auto child = start(executor_, espeak, espeak_arguments(order_.voice, pace_));
        if (!child) co_return std::unexpected(child.error());
        // It reads all before it says anything, and a sentence is less than what a pipe holds.
        if (auto fed = co_await (*child)->feed(sentence + "\n"); !fed) co_return co_await end_of(**child, "espeak-ng");
        (*child)->end_input();
        std::string head;
        for (;;) {
            auto sound = co_await (*child)->read();
            if (sound.empty()) break;
            if (head.size() < wav_header) {
                const auto missing = std::min(wav_header - head.size(), sound.size());
                head.append(sound, 0, missing);
                sound.erase(0, missing);
            }
            if (sound.empty()) continue;
            if (auto fed = co_await encoder.feed(sound); !fed) {
                encoder_failed_ = true;
                co_return fed;
            }
        }
        co_return co_await end_of(**child, "espeak-ng");
    }

    asio::awaitable<Result<void>> pass_on(engine::ChildProcess& encoder) {
        for (;;) {
            auto bytes = co_await encoder.read();
            if (bytes.empty()) co_return Result<void>{};
            if (auto taken = co_await sink_(std::move(bytes)); !taken) {
                encoder.signal(SIGKILL);
                co_return taken;
            }
        }
    }

    asio::any_io_executor executor_;
    Order order_;
    Speaker::Sink sink_;
    Pace pace_;
    bool encoder_failed_ = false;  // by itself, which is why nobody could go on
};

}  // namespace

asio::awaitable<Result<void>> Speaker::speak(Order order, Sink sink) {
    using namespace asio::experimental::awaitable_operators;
    const auto executor = co_await asio::this_coro::executor;
    const auto budget = settings_.timeout;
    // Others may have listeners that take nothing: it waits for as long as two of them may speak.
    const auto patience = 2 * budget;
    asio::steady_timer clock(executor, patience);
    const auto entered = co_await (gate_.enter() || clock.async_wait(asio::use_awaitable));
    if (entered.index() != 0)
        co_return fail(
            Code::unavailable,
            fmt::format("others have spoken for {} ms, and speech.at_once has no more places", patience.count()),
            "Try again, or raise speech.at_once.");
    std::shared_ptr<void> counted;
    if (set_aside_) {
        auto granted =
            co_await net::ask_until_granted([this] { return set_aside_(memory_of_speech); }, patience_for_memory);
        if (!granted) co_return std::unexpected(std::move(granted.error()));
        counted = std::move(*granted);
    }
    clock.expires_after(budget);
    Speech speech(executor, std::move(order), std::move(sink));
    auto ended = co_await (speech.go() || clock.async_wait(asio::use_awaitable));
    if (ended.index() == 0) co_return std::get<0>(std::move(ended));
    co_return fail(Code::timeout, fmt::format("it took longer to say than {} ms (speech.timeout)", budget.count()));
}

}  // namespace sarai::speech
