// What sarai and its worker for whisper.cpp (src/whisper) say to each other: a piece of a recording there, what is
// heard in it back, segment by segment, as the chunks of an OpenAI stream with a key of their own. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sarai::protocols::hearing {

inline constexpr int rate = 16000;  // samples a second; whisper knows no other
// Seconds of a piece. What whisper keeps of it (its samples twice, its spectrum) has to be planned for, and whoever
// else waits for the model gets it between two pieces. Whisper itself hears windows of 30 s, as many as there are.
inline constexpr int longest_piece = 120;

struct Wish {
    std::string sound;     // 16-bit samples, little-endian, one channel
    std::string language;  // ISO 639-1, or "auto"
    std::string prompt;    // names and words that may occur, or what was said before
    bool translate = false;
    bool words = false;  // with their times
    double temperature = 0;
};
[[nodiscard]] boost::json::object encode_wish(const Wish& wish);
// Errors: invalid_argument that names the field.
[[nodiscard]] Result<Wish> decode_wish(std::string_view body);

// Times in seconds from the beginning.
struct Word {
    double begin = 0, end = 0;
    std::string text;
    bool operator==(const Word&) const = default;
};
struct Segment {
    double begin = 0, end = 0;
    std::string text;
    std::optional<double> avg_logprob = {};  // of its tokens, where the model tells
    std::optional<double> no_speech_prob = {};
    std::vector<Word> words = {};
    bool operator==(const Segment&) const = default;
};
struct End {
    std::string language;        // ISO 639-1
    std::int64_t positions = 0;  // of the encoder: 50 a second
    std::int64_t tokens = 0;     // that were written
};

// Each appends a server-sent event to `out`.
void append_segment(std::string& out, const Segment& segment);
void append_end(std::string& out, const End& end);
// Says nothing but that the model goes on: a chunk without text, as budgets count from event to event.
void append_alive(std::string& out);

// Of a chunk; nullopt where it has none.
[[nodiscard]] std::optional<Segment> segment_of(const boost::json::object& chunk);
// "" where it tells none.
[[nodiscard]] std::string_view language_of(const boost::json::object& chunk);

}  // namespace sarai::protocols::hearing
