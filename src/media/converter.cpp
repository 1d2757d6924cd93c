#include "media/converter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <optional>
#include <utility>

#include "media/wav.hpp"
#include "net/ask_again.hpp"
#include "net/on_thread.hpp"

namespace sarai::media {
namespace {

constexpr std::string_view input_name = "in";
constexpr std::string_view sound_name = "sound.wav";
constexpr std::size_t most_header = 4096;  // of it; ffmpeg writes 78 bytes
// Recordings go when a model has heard them, which takes seconds to minutes; nobody knows better.
constexpr std::chrono::seconds come_again{10};
constexpr std::string_view frame_suffix = ".jpg";

// The exit status of an ffmpeg that met an error of the system: it ends with its AVERROR, -ENOSPC, of which eight bits
// are left. None of these is 128 + a signal.
constexpr int ended_by(int error) { return 256 - error; }

// Of its cage: the machine's would end it by a signal. Decoders that run in threads tell it in words alone, and an
// encoder whose buffer does not grow goes on, and ends well with half a picture.
bool lacked_memory(std::string_view last_words) {
    return last_words.contains("Cannot allocate memory") || last_words.contains("reallocation failed");
}

Error explained(const engine::ShortChild& child, std::string_view folder, const ConverterLimits& limits, Bytes memory) {
    const auto signal = child.status - 128;
    if (signal == SIGXCPU || signal == SIGKILL)
        return {.code = Code::too_large,
                .message = fmt::format("converting it took more than {} s", limits.time.count())};
    if (signal == SIGXFSZ)
        return {.code = Code::too_large,
                .message = fmt::format("unpacked it is larger than {}", to_string(limits.output))};
    if (child.status == ended_by(ENOSPC))
        return {.code = Code::io,
                .message = "there is no space left on the disk to convert it",
                .hint = "Free some on the disk that has sarai's temporary files (TMPDIR, else /var/tmp)."};
    if (child.status == ended_by(ENOMEM) || lacked_memory(child.last_words))
        return {.code = Code::too_large,
                .message = fmt::format("converting it takes more than {} of memory", to_string(memory))};
    return {.code = Code::invalid_argument,
            .message = fmt::format("it cannot be read: {}", complaint(child.last_words, folder))};
}

std::unexpected<Error> no_sound() { return fail(Code::invalid_argument, "it cannot be read: there is no sound in it"); }

std::optional<std::chrono::milliseconds> time_in(std::string_view name) {
    if (!name.ends_with(frame_suffix)) return std::nullopt;
    name.remove_suffix(frame_suffix.size());
    std::int64_t count = 0;
    const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), count);
    if (ec != std::errc{} || end != name.data() + name.size()) return std::nullopt;
    return std::chrono::milliseconds(count);
}

}  // namespace

struct Converter::Desk {
    net::Gate::Pass pass;
    std::shared_ptr<Scratch> scratch;
    [[nodiscard]] std::string input() const { return scratch->file(input_name); }
};

Converter::Converter(const asio::any_io_executor& executor, ConverterLimits limits)
    : limits_(std::move(limits)), gate_(executor, limits_.at_once), recordings_(executor, limits_.recordings) {}

asio::awaitable<Result<Converter::Desk>> Converter::prepare(std::string bytes) {
    Desk desk{.pass = co_await gate_.enter(), .scratch = {}};
    // Removed there as well, even where the caller was cancelled.
    const auto remove = [this](Scratch* gone) { asio::post(disk_, [owned = std::unique_ptr<Scratch>(gone)] {}); };
    auto made = co_await net::on_thread(
        disk_, [folder = limits_.folder, input = std::move(bytes), remove]() -> Result<std::shared_ptr<Scratch>> {
            auto scratch = Scratch::create(folder);
            if (!scratch) return std::unexpected(scratch.error());
            if (auto written = scratch->write(input_name, input); !written) return std::unexpected(written.error());
            return std::shared_ptr<Scratch>(new Scratch(std::move(*scratch)), remove);
        });
    if (!made) co_return std::unexpected(made.error());
    desk.scratch = std::move(*made);
    co_return desk;
}

// Other conversions end within seconds, and models go: who may have what they leave asks again.
asio::awaitable<Result<std::shared_ptr<void>>> Converter::memory_for(Bytes bytes) {
    if (!set_aside_) co_return nullptr;
    co_return co_await net::ask_until_granted([this, bytes] { return set_aside_(bytes); }, limits_.patience);
}

asio::awaitable<Result<std::string>> Converter::run(const Desk& desk, const std::string& program, Arguments arguments,
                                                    Bytes memory, Bytes untouched) {
    const auto found = engine::find_program(program);
    if (!found)
        co_return fail(Code::unsupported, fmt::format("{} is not installed, which would convert it", program),
                       "Install ffmpeg, or send images as PNG or JPEG and sound as WAV.");
    memory = std::min(memory, limits_.memory);
    engine::Command command{.program = *found,
                            .arguments = std::move(arguments),
                            .cage = {.address_space = limits_.memory,
                                     .data = memory + untouched,
                                     .file_size = limits_.output,
                                     .cpu = limits_.time,
                                     .network = false}};
    const auto counted = co_await memory_for(memory);
    if (!counted) co_return std::unexpected(counted.error());
    auto child = co_await engine::run_child(std::move(command), limits_.time, "converting it", 8);
    if (!child) {
        // Whoever sends what takes a minute has sent too much.
        if (child.error().code == Code::timeout) child.error().code = Code::too_large;
        co_return std::unexpected(child.error());
    }
    if (child->status != 0 || lacked_memory(child->last_words))
        co_return std::unexpected(explained(*child, desk.scratch->path(), limits_, memory));
    co_return std::move(child->out);
}

asio::awaitable<Result<std::string>> Converter::fetch(const Desk& desk, std::string name) {
    auto bytes = co_await net::on_thread(
        disk_, [scratch = desk.scratch, name = std::move(name)] { return scratch->read(name); });
    if (!bytes && bytes.error().code == Code::not_found)
        co_return fail(Code::invalid_argument, "it cannot be read: nothing came of it");
    co_return bytes;
}

asio::awaitable<Result<Probe>> Converter::probe(const Desk& desk, Kind kind) {
    const auto printed = co_await run(desk, limits_.ffprobe, probe_arguments(kind, desk.input()), memory_of_probe());
    if (!printed) co_return std::unexpected(printed.error());
    co_return parse_probe(*printed);
}

asio::awaitable<Result<Picture>> Converter::picture(Kind kind, std::string bytes, PictureOrder order) {
    const auto desk = co_await prepare(std::move(bytes));
    if (!desk) co_return std::unexpected(desk.error());
    auto arguments = picture_arguments(kind, desk->input(), desk->scratch->file("out"), order);
    const auto pixels = order.pixels > 0 ? order.pixels : order.max_pixels;
    const auto memory = pixels > 0 ? std::min(memory_of_picture(pixels), limits_.memory) : limits_.memory;
    // An encoder asks for room for the worst of pictures.
    const auto untouched = untouched_stacks + Bytes{20 * std::max<std::int64_t>(pixels, 0)};
    if (auto ran = co_await run(*desk, limits_.ffmpeg, std::move(arguments), memory, untouched); !ran)
        co_return std::unexpected(std::move(ran.error()));
    auto made = co_await fetch(*desk, "out");
    if (!made) co_return std::unexpected(std::move(made.error()));
    co_return Picture{.bytes = std::move(*made), .memory = memory};
}

asio::awaitable<Result<void>> Converter::make_sound(const Desk& desk, Kind kind) {
    // A second more than is allowed, so that what is longer shows.
    auto arguments = sound_arguments(kind, desk.input(), desk.scratch->file(sound_name),
                                     limits_.most_sound + std::chrono::seconds(1));
    auto ran = co_await run(desk, limits_.ffmpeg, std::move(arguments), memory_of_sound(kind));
    if (!ran) co_return std::unexpected(std::move(ran.error()));
    co_return Result<void>{};
}

Result<void> Converter::check_length(double seconds) const {
    if (seconds <= static_cast<double>(limits_.most_sound.count())) return {};
    return fail(Code::too_large, fmt::format("its sound is longer than {} s", limits_.most_sound.count()));
}

asio::awaitable<Result<Sound>> Converter::sound_of(const Desk& desk, Kind kind) {
    if (auto made = co_await make_sound(desk, kind); !made) co_return std::unexpected(made.error());
    auto bytes = co_await fetch(desk, std::string(sound_name));
    if (!bytes) co_return std::unexpected(bytes.error());
    const auto header = read_wav_header(*bytes, "sound");
    if (!header) co_return no_sound();
    if (auto fits = check_length(header->seconds); !fits) co_return std::unexpected(fits.error());
    co_return Sound{.wav = std::move(*bytes),
                    .seconds = header->seconds,
                    .memory = std::min(memory_of_sound(kind), limits_.memory)};
}

asio::awaitable<Result<net::Gate::Pass>> Converter::place(std::chrono::milliseconds patience) {
    using namespace asio::experimental::awaitable_operators;
    asio::steady_timer clock(co_await asio::this_coro::executor, patience);
    auto entered = co_await (recordings_.enter() || clock.async_wait(asio::use_awaitable));
    if (entered.index() == 0) co_return std::get<0>(std::move(entered));
    co_return std::unexpected(Error{
        .code = Code::busy,
        .message = fmt::format("{} recordings were listened to for all of the {:.3g} s that the request could wait",
                               limits_.recordings, std::chrono::duration<double>(patience).count()),
        .retry_after = come_again});
}

asio::awaitable<Result<Recording>> Converter::recording(Kind kind, std::string bytes,
                                                        std::chrono::milliseconds patience) {
    auto place = co_await this->place(patience);
    if (!place) co_return std::unexpected(place.error());
    const auto desk = co_await prepare(std::move(bytes));
    if (!desk) co_return std::unexpected(desk.error());
    if (auto made = co_await make_sound(*desk, kind); !made) co_return std::unexpected(made.error());
    const auto size = co_await net::on_thread(disk_, [scratch = desk->scratch] { return scratch->size(sound_name); });
    const auto head =
        co_await net::on_thread(disk_, [scratch = desk->scratch] { return scratch->read(sound_name, 0, most_header); });
    if (!head) co_return no_sound();
    const auto header = read_wav_header(*head, "sound", size);
    if (!header) co_return no_sound();
    Recording made(std::move(*place), desk->scratch, std::string(sound_name), header->data, (size - header->data) / 2,
                   disk_);
    if (auto fits = check_length(made.seconds()); !fits) co_return std::unexpected(fits.error());
    co_return made;
}

asio::awaitable<Result<Sound>> Converter::sound(Kind kind, std::string bytes) {
    const auto desk = co_await prepare(std::move(bytes));
    if (!desk) co_return std::unexpected(desk.error());
    co_return co_await sound_of(*desk, kind);
}

asio::awaitable<Result<std::vector<Frame>>> Converter::frames_of(const Desk& desk) {
    auto names = co_await net::on_thread(disk_, [scratch = desk.scratch] { return scratch->names(); });
    std::vector<Frame> frames;
    for (auto& name : names) {
        const auto at = time_in(name);
        if (!at) continue;
        auto bytes = co_await fetch(desk, name);
        if (!bytes) co_return std::unexpected(bytes.error());
        frames.push_back({.at = *at, .jpeg = std::move(*bytes)});
    }
    std::ranges::sort(frames, {}, &Frame::at);
    if (frames.empty()) co_return fail(Code::invalid_argument, "it cannot be read: there is no picture in it");
    co_return frames;
}

asio::awaitable<Result<Film>> Converter::film(Kind kind, std::string bytes, FilmOrder order) {
    const auto desk = co_await prepare(std::move(bytes));
    if (!desk) co_return std::unexpected(desk.error());
    const auto probed = co_await probe(*desk, kind);
    if (!probed) co_return std::unexpected(probed.error());
    Film film{.seconds = probed->seconds, .frames = {}, .memory = std::min(memory_of_probe(), limits_.memory)};
    if (probed->audio && order.sound) {
        auto sound = co_await sound_of(*desk, kind);
        if (!sound) co_return std::unexpected(sound.error());
        film.memory = std::max(film.memory, sound->memory);
        film.sound = std::move(*sound);
        if (film.seconds == 0) film.seconds = film.sound.seconds;
    }
    if (!probed->video) co_return film;
    const auto pixels = std::int64_t{probed->width} * probed->height;
    if (order.max_pixels > 0 && pixels > order.max_pixels)
        co_return fail(Code::too_large, fmt::format("its pictures have {} × {} pixels; expected at most {}",
                                                    probed->width, probed->height, order.max_pixels));
    if (film.seconds == 0) {  // of a recording that was never finished
        const auto printed =
            co_await run(*desk, limits_.ffmpeg, length_arguments(kind, desk->input()), memory_of_probe());
        if (!printed) co_return std::unexpected(printed.error());
        film.seconds = parse_length(*printed);
    }
    auto arguments = frame_arguments(kind, desk->input(), desk->scratch->path(),
                                     frame_rate(film.seconds, order.frames, order.per_second),
                                     {.longest_side = order.longest_side, .max_pixels = order.max_pixels});
    const auto memory = std::min(memory_of_frames(pixels), limits_.memory);
    if (auto ran = co_await run(*desk, limits_.ffmpeg, std::move(arguments), memory); !ran)
        co_return std::unexpected(ran.error());
    film.memory = std::max(film.memory, memory);
    auto frames = co_await frames_of(*desk);
    if (!frames) co_return std::unexpected(frames.error());
    film.frames = std::move(*frames);
    co_return film;
}

}  // namespace sarai::media
