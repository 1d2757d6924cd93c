// OpenAI's /v1/audio/transcriptions and /v1/audio/translations: the form that comes, what a model is asked about each
// piece of the recording, and the five forms of what was heard. Pure.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "llm/types.hpp"
#include "protocols/hearing.hpp"

namespace sarai::protocols::transcription {

enum class Format : std::uint8_t { json, text, srt, verbose_json, vtt };
[[nodiscard]] std::string_view media_type(Format format);

struct Call {
    bool translate = false;  // into English
    std::string model;       // empty: whoever hears here
    std::string_view file;   // points into the request's body: until that is taken
    std::string label;       // what the client says it is: a media type
    std::string language;    // ISO 639-1; empty: the client does not say it
    std::string prompt;      // names and words that may occur, or what was said before
    Format format = Format::json;
    double temperature = 0;
    bool stream = false;
    // Whose times verbose_json tells.
    bool segments = true;
    bool words = false;
};

// Errors: invalid_argument that names the field, its value and what was expected.
[[nodiscard]] Result<Call> decode_call(std::string_view content_type, std::string_view body, bool translate);

// Names of OpenAI's own models, which stand for whoever hears here: whisper-1, gpt-4o-transcribe and its kin.
[[nodiscard]] bool is_stock_name(std::string_view model);

// The chat by which `model` is asked for the words of one piece, with the piece as WAV; streamed. `said` is the text of
// the pieces before it.
[[nodiscard]] llm::Request ask_for(const Call& call, const std::string& model, std::string_view wav,
                                   std::string_view said);

// The same for a model of whisper.cpp: `sound` has samples as of hearing::Wish.
[[nodiscard]] llm::Request hear(const Call& call, const std::string& model, std::string_view sound,
                                const std::string& language, std::string_view said);

using hearing::Segment;
struct Heard {
    double seconds = 0;    // of the whole recording
    std::string language;  // ISO 639-1, or "" where nobody knows it
    std::vector<Segment> segments;
    llm::Usage usage = {};
};

// Text without line breaks, runs of blanks and blanks around it, as it comes: what a model writes must not break
// subtitles, and what was streamed is what the whole will be.
class OneLine {
public:
    // What is new of it.
    std::string add(std::string_view piece);
    [[nodiscard]] const std::string& text() const { return text_; }

private:
    std::string text_;
    bool gap_ = false;
};

// The segments' texts with a blank between two.
[[nodiscard]] std::string whole_text(const Heard& heard);

[[nodiscard]] std::string encode(const Call& call, const Heard& heard);

// Of a stream; each appends a server-sent event to `out`.
void append_delta(std::string& out, std::string_view text);
void append_done(std::string& out, const Heard& heard);

}  // namespace sarai::protocols::transcription
