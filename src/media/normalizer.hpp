// Turns the media of a chat request into what llama-server reads: `image_url` as a data: URL of a PNG or JPEG,
// `input_audio` as WAV, films as times, frames and sound, text files as text.
//
// Belongs to the io thread; decoding and encoding go to the converter's. What is not a picture or sound that the engine
// can be given is refused here, with the field, so that no worker ever sees it. PNG, JPEG and PCM WAV pass as they are;
// all other sound is decoded here, in a child with bounds, rather than in a worker that holds a model. Equal input
// makes equal output, which is how the worker's cache of prompts knows it again.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "config/config.hpp"
#include "llm/types.hpp"
#include "media/converter.hpp"
#include "media/fetcher.hpp"
#include "media/parts.hpp"

namespace sarai::media {

// What the model can make use of.
struct MediaWish {
    int longest_side = 2048;            // of pictures; larger ones are scaled down. 0: they are not
    bool sound = true;                  // of films too; without it they are silent
    std::chrono::seconds most_sound{};  // of all together; 0: as long as a converted one may be, which always holds
    double frames_per_second = 2;       // of films, at most
    std::int64_t token_budget = 0;      // for the frames of one film; 0: as many as the configuration allows
    std::int64_t tokens_per_frame = 0;
};
// The configuration's max_video_frames, or fewer where the budget holds no more; at least one.
[[nodiscard]] int frames_within(int most, const MediaWish& wish);

// What was found.
struct MediaReport {
    int images = 0;  // frames not among them
    int sounds = 0;  // those of films not among them
    int films = 0;
    int frames = 0;
    int documents = 0;  // text files
    int fetched = 0;    // by URL
    int converted = 0;
    double sound_seconds = 0;  // with those of films
    double film_seconds = 0;
    std::int64_t pixels = 0;  // as the model gets them, frames among them
    Bytes bytes;              // as they came
    Bytes memory;             // reserved for the largest conversion; they run one after the other
    Bytes size;               // as models are given them, in base64
    Bytes held;               // of that, beyond what the request itself brought
};

// A part, and what its models can make use of.
struct Wanted {
    Part part;
    MediaWish wish;
};
// Told of each further piece that is held for the request, until it ends: what was fetched, and what became larger than
// it came. An error ends the work. Empty: nobody counts it.
using HoldMore = std::function<Result<void>(Bytes)>;

class Normalizer {
public:
    // All outlive it; `settings` may change meanwhile.
    Normalizer(const config::Media& settings, const Fetcher& fetcher, Converter& converter)
        : settings_(settings), fetcher_(fetcher), converter_(converter) {}

    // A request without media is left as it is. Else its body is changed, and its `text` emptied, which is the body as
    // it was; where it fails, the request is as it was.
    // Errors, each with the field: invalid_argument, too_large, unsupported; without one: io, cancelled.
    [[nodiscard]] asio::awaitable<Result<MediaReport>> normalize(llm::Request& request, MediaWish wish,
                                                                 HoldMore hold = {}) const;

    // What each of the parts becomes, in their order; they point into a body that stays as it is meanwhile. Errors: as
    // above, and those of `hold`.
    [[nodiscard]] asio::awaitable<Result<std::vector<json::array>>> turn_all(const std::vector<Wanted>& parts,
                                                                             MediaReport& report, HoldMore hold) const;

    // A recording in a file of its own, or the sound of a film, as speech models hear it; `label` is what its sender
    // says that it is, or "". Few are on the disk at once: it waits for a place as long as its patience allows. Errors
    // as above, with `field`; busy.
    [[nodiscard]] asio::awaitable<Result<Recording>> hear(std::string bytes, std::string label, std::string field,
                                                          std::chrono::milliseconds patience) const;

private:
    struct Source;
    struct Looked;
    [[nodiscard]] static asio::awaitable<Looked> look(Converter& converter, Source source, std::int64_t max_pixels,
                                                      std::uint32_t longest_side, std::string field);
    [[nodiscard]] asio::awaitable<Result<Source>> obtain(const Part& part, MediaReport& report) const;
    [[nodiscard]] asio::awaitable<Result<json::array>> turn(const Part& part, const MediaWish& wish,
                                                            MediaReport& report) const;
    [[nodiscard]] asio::awaitable<Result<json::array>> image(Source source, const std::string& field,
                                                             const MediaWish& wish, MediaReport& report) const;
    [[nodiscard]] asio::awaitable<Result<json::array>> sound(Source source, const std::string& field,
                                                             const MediaWish& wish, MediaReport& report) const;
    [[nodiscard]] Result<void> check_sound(double seconds, const std::string& field, const MediaWish& wish) const;
    [[nodiscard]] asio::awaitable<Result<json::array>> film(Source source, const std::string& field,
                                                            const MediaWish& wish, MediaReport& report) const;

    const config::Media& settings_;
    const Fetcher& fetcher_;
    Converter& converter_;
};

}  // namespace sarai::media
