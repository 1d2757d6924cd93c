// OpenAI's /v1/audio/speech: what is to be said and how, and the events of a stream of it. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::protocols::speech {

enum class Format : std::uint8_t { mp3, opus, aac, flac, wav, pcm };
[[nodiscard]] std::string_view media_type(Format format);

struct Call {
    std::string input;
    std::string voice;  // empty: the client does not mind
    Format format = Format::mp3;
    double speed = 1;
    bool events = false;  // server-sent events instead of bytes
};

// What speaks here, by its own name or by those of OpenAI's models (tts-1, tts-1-hd, gpt-4o-mini-tts).
inline constexpr std::string_view own_model = "espeak-ng";

// `most` characters of input. Errors: invalid_argument that names the field, its value and what was expected;
// not_found for a model that does not speak.
[[nodiscard]] Result<Call> decode_call(std::string_view body, std::size_t most);

// Each appends a server-sent event to `out`.
void append_delta(std::string& out, std::string_view audio);
void append_done(std::string& out);

}  // namespace sarai::protocols::speech
