#include "protocols/speech.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "protocols/base64.hpp"
#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::speech {
namespace {

struct Known {
    std::string_view name;
    std::string_view media_type;
};
// In the order of Format. PCM is what OpenAI says it is: 24,000 samples a second, 16 bits, one channel.
constexpr std::array<Known, 6> formats{{{"mp3", "audio/mpeg"},
                                        {"opus", "audio/ogg"},
                                        {"aac", "audio/aac"},
                                        {"flac", "audio/flac"},
                                        {"wav", "audio/wav"},
                                        {"pcm", "audio/pcm;rate=24000"}}};
constexpr std::array<std::string_view, 4> models{own_model, "tts-1", "tts-1-hd", "gpt-4o-mini-tts"};

constexpr std::array rules{FieldRule{.name = "model", .kind = FieldKind::string},
                           FieldRule{.name = "input", .kind = FieldKind::string},
                           FieldRule{.name = "instructions", .kind = FieldKind::string},
                           FieldRule{.name = "response_format", .kind = FieldKind::string},
                           FieldRule{.name = "stream_format", .kind = FieldKind::string},
                           FieldRule{.name = "speed", .kind = FieldKind::number, .min = 0.25, .max = 4}};

std::size_t characters_in(std::string_view text) {
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80; }));
}

Result<std::string> voice_in(const json::object& body) {
    const auto* given = find(body, "voice");
    if (given == nullptr) return std::string();
    const auto* object = given->if_object();
    const auto* name = object == nullptr ? given : find(*object, "id");
    if (name == nullptr || !name->is_string() || name->get_string().empty())
        return wrong("voice", given, "the name of a voice, or an object with its id");
    return std::string(name->get_string());
}

void append_event(std::string& out, const json::object& event) {
    out.append("data: ").append(json::serialize(event)).append("\n\n");
}

}  // namespace

std::string_view media_type(Format format) { return formats.at(static_cast<std::size_t>(format)).media_type; }

Result<Call> decode_call(std::string_view text, std::size_t most) {
    const auto body = parse_body(text);
    if (!body) return std::unexpected(body.error());
    if (auto fits = check_fields(*body, rules); !fits) return std::unexpected(fits.error());
    const auto model = string_at(*body, "model");
    if (model.empty()) return wrong("model", find(*body, "model"), fmt::format("\"{}\"", own_model));
    if (!std::ranges::contains(models, model))
        return std::unexpected(
            Error{.code = Code::not_found,
                  .message = fmt::format("model '{}' does not speak; expected {} (also known as tts-1, tts-1-hd and "
                                         "gpt-4o-mini-tts)",
                                         excerpt(model), own_model),
                  .field = "model"});
    Call call{.input = std::string(string_at(*body, "input")), .voice = {}};
    if (call.input.find_first_not_of(" \t\r\n") == std::string::npos)
        return wrong("input", find(*body, "input"), "a text to be said");
    if (const auto length = characters_in(call.input); length > most)
        return fail_field("input", fmt::format("'input' has {} characters; expected at most {}", length, most));
    auto voice = voice_in(*body);
    if (!voice) return std::unexpected(voice.error());
    call.voice = std::move(*voice);
    if (const auto* format = find(*body, "response_format")) {
        const auto found = std::ranges::find(formats, string_at(*body, "response_format"), &Known::name);
        if (found == formats.end()) return wrong("response_format", format, "mp3, opus, aac, flac, wav or pcm");
        call.format = static_cast<Format>(found - formats.begin());
    }
    if (const auto* stream = find(*body, "stream_format")) {
        const auto name = string_at(*body, "stream_format");
        if (name != "audio" && name != "sse") return wrong("stream_format", stream, "audio or sse");
        call.events = name == "sse";
    }
    if (const auto* speed = find(*body, "speed")) call.speed = speed->to_number<double>();
    return call;
}

void append_delta(std::string& out, std::string_view audio) {
    append_event(out, {{"type", "speech.audio.delta"}, {"audio", encode_base64(audio)}});
}

void append_done(std::string& out) {  // no model was asked, so there are no tokens
    append_event(out, {{"type", "speech.audio.done"},
                       {"usage", {{"input_tokens", 0}, {"output_tokens", 0}, {"total_tokens", 0}}}});
}

}  // namespace sarai::protocols::speech
