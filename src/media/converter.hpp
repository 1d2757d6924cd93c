// Makes of pictures, sound and films what the engine reads, by ffmpeg in a child process.
//
// Belongs to the io thread, from which it starts children; disks are waited for on a thread of its own. A child reads
// and writes in a private folder alone, has bounds of memory, processor time and file size, and no network
// (engine::Cage). It ends with the caller that is cancelled. Few run at once, so that their memory stays small beside
// the models'; the others wait. It outlives its callers.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "engine/short_child.hpp"
#include "media/ffmpeg.hpp"
#include "media/kind.hpp"
#include "media/recording.hpp"
#include "media/scratch.hpp"
#include "media/set_aside.hpp"
#include "net/gate.hpp"

namespace sarai::media {

namespace asio = boost::asio;

struct ConverterLimits {
    std::chrono::seconds time{60};               // for each run of a program
    std::chrono::milliseconds patience{10'000};  // of a run for memory that others have
    std::chrono::seconds most_sound{1800};       // what is longer is refused: 30 minutes are 55 MiB of samples
    Bytes memory = GiB(1);                       // address space of a child, and the most that any may take
    Bytes output = MiB(64);                      // of each file that it writes
    int at_once = 2;
    int recordings = 4;                                  // on the disk at once
    std::filesystem::path folder = {};                   // where its private folders lie; empty: scratch_parent()
    std::string ffmpeg = "ffmpeg", ffprobe = "ffprobe";  // names on PATH, or paths
};

// `memory` of each: what was reserved for the largest run that made it.
struct Picture {
    std::string bytes;  // a PNG or a JPEG
    Bytes memory = {};
};
struct Sound {
    std::string wav;  // 16 kHz, one channel, 16 bits
    double seconds = 0;
    Bytes memory = {};
};
struct Frame {
    std::chrono::milliseconds at{};
    std::string jpeg;
};
struct Film {
    double seconds = 0;
    std::vector<Frame> frames;  // in order, at least one
    Sound sound = {};           // without bytes where it is silent, or was not wanted
    Bytes memory = {};
};
struct FilmOrder {
    int frames = 32;
    double per_second = 2;
    int longest_side = 0;
    std::int64_t max_pixels = 0;
    bool sound = true;
};

// Errors of all: invalid_argument for what cannot be read, with ffmpeg's last words; too_large, also for
// what takes too long or too much memory; no_memory where the budget leaves none for it; unsupported where ffmpeg is
// not installed; io. None has a field.
class Converter {
public:
    Converter(const asio::any_io_executor& executor, ConverterLimits limits = {});

    void count_memory(SetAside set_aside) { set_aside_ = std::move(set_aside); }

    [[nodiscard]] asio::awaitable<Result<Picture>> picture(Kind kind, std::string bytes, PictureOrder order);
    [[nodiscard]] asio::awaitable<Result<Sound>> sound(Kind kind, std::string bytes);
    // The same, left on the disk. Who comes while there are as many as may be waits for one to go, so long at most as
    // its patience allows: then it is busy, with a time to come again.
    [[nodiscard]] asio::awaitable<Result<Recording>> recording(Kind kind, std::string bytes,
                                                               std::chrono::milliseconds patience);
    // Of a file whose kind can be both, what it is: a WebM without pictures has sound alone, and no frames.
    [[nodiscard]] asio::awaitable<Result<Film>> film(Kind kind, std::string bytes, FilmOrder order);

    [[nodiscard]] std::chrono::seconds most_sound() const { return limits_.most_sound; }
    // Work of others that would hold up the io thread (base64 of megabytes, looking through images).
    [[nodiscard]] asio::thread_pool& thread() { return disk_; }

private:
    [[nodiscard]] asio::awaitable<Result<net::Gate::Pass>> place(std::chrono::milliseconds patience);
    struct Desk;  // a pass, and a folder with the input in it
    [[nodiscard]] asio::awaitable<Result<Desk>> prepare(std::string bytes);
    // `memory`: what it takes at most, and gets; `untouched`: what it asks for beyond, and never writes to.
    [[nodiscard]] asio::awaitable<Result<std::string>> run(const Desk& desk, const std::string& program,
                                                           Arguments arguments, Bytes memory,
                                                           Bytes untouched = untouched_stacks);
    [[nodiscard]] asio::awaitable<Result<std::shared_ptr<void>>> memory_for(Bytes bytes);
    [[nodiscard]] asio::awaitable<Result<std::string>> fetch(const Desk& desk, std::string name);
    [[nodiscard]] asio::awaitable<Result<Probe>> probe(const Desk& desk, Kind kind);
    [[nodiscard]] asio::awaitable<Result<void>> make_sound(const Desk& desk, Kind kind);
    [[nodiscard]] Result<void> check_length(double seconds) const;
    [[nodiscard]] asio::awaitable<Result<Sound>> sound_of(const Desk& desk, Kind kind);
    [[nodiscard]] asio::awaitable<Result<std::vector<Frame>>> frames_of(const Desk& desk);

    ConverterLimits limits_;
    SetAside set_aside_;
    net::Gate gate_;
    net::Gate recordings_;
    asio::thread_pool disk_{1};  // last: joined before the rest goes
};

}  // namespace sarai::media
