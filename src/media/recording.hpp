// A sound on the disk, as speech models hear it, read window by window: half an hour would take 55 MiB of memory.
//
// Belongs to the io thread; the file goes with the last copy of it. Few are kept at once (Converter): who has one has a
// place among them.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.hpp"
#include "media/scratch.hpp"
#include "net/gate.hpp"

namespace sarai::media {

// The next part of it.
struct Stretch {
    std::size_t begin = 0;  // samples before it
    std::string samples;    // 16 bits, little-endian, 16,000 a second
    [[nodiscard]] std::size_t end() const { return begin + samples.size() / 2; }
};

class Recording {
public:
    // `file` in `scratch` is a WAV file of 16 kHz, one channel and 16 bits, whose `samples` begin at `data`. `disk`
    // outlives it.
    Recording(net::Gate::Pass place, std::shared_ptr<Scratch> scratch, std::string file, std::size_t data,
              std::size_t samples, boost::asio::thread_pool& disk)
        : place_(std::move(place)),
          scratch_(std::move(scratch)),
          file_(std::move(file)),
          data_(data),
          all_(samples),
          disk_(&disk) {}

    [[nodiscard]] double seconds() const;
    // What follows on the last one, at most `longest` seconds, cut where it is quiet; nullopt: that was all. Error: io.
    [[nodiscard]] boost::asio::awaitable<Result<std::optional<Stretch>>> next(double longest = 30);

private:
    net::Gate::Pass place_;
    std::shared_ptr<Scratch> scratch_;
    std::string file_;
    std::size_t data_ = 0;  // bytes
    std::size_t all_ = 0;   // samples
    std::size_t at_ = 0;
    boost::asio::thread_pool* disk_;
};

}  // namespace sarai::media
