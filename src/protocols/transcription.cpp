#include "protocols/transcription.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cmath>
#include <memory>
#include <set>
#include <utility>

#include "base/utf8.hpp"
#include "protocols/base64.hpp"
#include "protocols/json.hpp"
#include "protocols/multipart.hpp"

namespace sarai::protocols::transcription {
namespace {

// What whisper has for a window of 30 s, where people say some 100 words.
constexpr int most_tokens = 448;
// Of what was said before, and of a prompt: whisper's own has 224 tokens.
constexpr std::size_t most_context = 1000;
constexpr std::size_t longest_prompt = 4096;

constexpr std::array<std::string_view, 5> formats{"json", "text", "srt", "verbose_json", "vtt"};
constexpr std::array<std::string_view, 3> stock_names{"whisper-1", "gpt-4o-transcribe", "gpt-4o-mini-transcribe"};
// ISO 639-1.
constexpr std::string_view languages =
    " aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el "
    "en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu ";

std::unexpected<Error> wrong(std::string_view field, std::string_view value, std::string_view expected) {
    return fail_field(std::string(field),
                      fmt::format("'{}' is \"{}\"; expected {}", field, excerpt(value, 60), expected));
}

Result<void> take_format(Call& call, std::string_view value) {
    const auto found = std::ranges::find(formats, value);
    if (found == formats.end()) return wrong("response_format", value, "json, text, srt, verbose_json or vtt");
    call.format = static_cast<Format>(found - formats.begin());
    return {};
}

Result<void> take_temperature(Call& call, std::string_view value) {
    const auto* end = std::to_address(value.end());
    const auto [at, ec] = std::from_chars(std::to_address(value.begin()), end, call.temperature);
    if (ec != std::errc{} || at != end || !(call.temperature >= 0 && call.temperature <= 1))
        return wrong("temperature", value, "a number from 0 to 1");
    return {};
}

Result<void> take_language(Call& call, std::string_view value) {
    if (value.size() != 2 || !languages.contains(fmt::format(" {} ", value)))
        return wrong("language", value, "a code of ISO 639-1, such as es or en");
    call.language = value;
    return {};
}

Result<void> take_stream(Call& call, std::string_view value) {
    if (value != "true" && value != "false") return wrong("stream", value, "true or false");
    call.stream = value == "true";
    return {};
}

Result<void> take_granularity(Call& call, std::string_view value, bool first) {
    if (value != "segment" && value != "word") return wrong("timestamp_granularities[]", value, "segment or word");
    if (first) call.segments = call.words = false;
    (value == "word" ? call.words : call.segments) = true;
    return {};
}

Result<void> take_prompt(Call& call, std::string_view value) {
    if (value.size() > longest_prompt)
        return fail_field("prompt",
                          fmt::format("'prompt' has {} bytes; expected at most {}", value.size(), longest_prompt));
    if (valid_utf8(value) != value) return fail_field("prompt", "'prompt' is not UTF-8");
    call.prompt = value;
    return {};
}

Result<void> take_model(Call& call, std::string_view value) {
    if (valid_utf8(value) != value) return fail_field("model", "'model' is not UTF-8; expected the name of a model");
    call.model = value;
    return {};
}

struct Taken {
    bool file = false;
    bool granularity = false;
};
Result<void> take(Call& call, Taken& taken, const FormPart& part) {
    if (part.name == "file") {
        taken.file = true;
        call.file = part.body;
        call.label = part.type;
        return {};
    }
    if (part.name == "model") return take_model(call, part.body);
    if (part.name == "response_format") return take_format(call, part.body);
    if (part.name == "temperature") return take_temperature(call, part.body);
    if (part.name == "prompt") return take_prompt(call, part.body);
    if (part.name == "stream") return take_stream(call, part.body);
    // Nobody needs to say it of a translation, whose language is English.
    if (part.name == "language" && !part.body.empty()) return take_language(call, part.body);
    if (part.name == "timestamp_granularities[]" || part.name == "timestamp_granularities") {
        return take_granularity(call, part.body, !std::exchange(taken.granularity, true));
    }
    return {};
}

// What was said last, from the beginning of a character on.
std::string_view end_of(std::string_view said) {
    auto from = said.size() > most_context ? said.size() - most_context : 0;
    while (from < said.size() && (static_cast<unsigned char>(said[from]) & 0xC0U) == 0x80) ++from;
    return said.substr(from);
}

json::object usage_json(const llm::Usage& usage) {
    return {{"type", "tokens"},
            {"input_tokens", usage.prompt_tokens},
            {"output_tokens", usage.completion_tokens},
            {"total_tokens", usage.prompt_tokens + usage.completion_tokens}};
}

// "00:01:02,345", with a point in WebVTT.
std::string clock(double seconds, char point) {
    const auto ms = std::llround(seconds * 1000);
    return fmt::format("{:02}:{:02}:{:02}{}{:03}", ms / 3'600'000, ms / 60'000 % 60, ms / 1000 % 60, point, ms % 1000);
}

// "-->" in a cue's text would be read as another cue's times.
std::string cue_text(std::string text) {
    for (std::size_t at = 0; (at = text.find("-->", at)) != std::string::npos;) text.replace(at, 3, "->");
    return text;
}

std::string encode_srt(const Heard& heard) {
    std::string out;
    int number = 0;
    for (const auto& segment : heard.segments)
        out += fmt::format("{}\n{} --> {}\n{}\n\n", ++number, clock(segment.begin, ','), clock(segment.end, ','),
                           cue_text(segment.text));
    return out;
}

std::string encode_vtt(const Heard& heard) {
    std::string out = "WEBVTT\n\n";
    for (const auto& segment : heard.segments) {
        auto text = cue_text(segment.text);
        for (std::size_t at = 0; (at = text.find_first_of("&<", at)) != std::string::npos; at += 4)
            text.replace(at, 1, text[at] == '&' ? "&amp;" : "&lt;");
        out += fmt::format("{} --> {}\n{}\n\n", clock(segment.begin, '.'), clock(segment.end, '.'), text);
    }
    return out;
}

// Sums of hundredths have digits far behind them.
double rounded(double seconds) { return std::round(seconds * 1e4) / 1e4; }

std::string encode_verbose(const Call& call, const Heard& heard) {
    json::array segments;
    json::array words;
    for (const auto& segment : heard.segments) {
        json::object told{{"id", segments.size()},
                          {"seek", std::llround(segment.begin * 100)},  // whisper's frames of 10 ms
                          {"start", rounded(segment.begin)},
                          {"end", rounded(segment.end)},
                          {"text", segment.text},
                          {"temperature", call.temperature}};
        if (segment.avg_logprob) told["avg_logprob"] = *segment.avg_logprob;
        if (segment.no_speech_prob) told["no_speech_prob"] = *segment.no_speech_prob;
        segments.push_back(std::move(told));
        for (const auto& word : segment.words)
            words.push_back({{"word", word.text}, {"start", rounded(word.begin)}, {"end", rounded(word.end)}});
    }
    json::object out{{"task", call.translate ? "translate" : "transcribe"},
                     {"language", heard.language},
                     {"duration", rounded(heard.seconds)},
                     {"text", whole_text(heard)},
                     {"usage", usage_json(heard.usage)}};
    if (call.segments) out["segments"] = std::move(segments);
    if (call.words) out["words"] = std::move(words);
    return json::serialize(out);
}

void append_event(std::string& out, const json::object& event) {
    out.append("data: ").append(json::serialize(event)).append("\n\n");
}

}  // namespace

std::string_view media_type(Format format) {
    switch (format) {
        case Format::json:
        case Format::verbose_json: return "application/json";
        case Format::text: return "text/plain; charset=utf-8";
        case Format::srt: return "application/x-subrip; charset=utf-8";
        case Format::vtt: return "text/vtt; charset=utf-8";
    }
    return "application/json";
}

Result<Call> decode_call(std::string_view content_type, std::string_view body, bool translate) {
    const auto form = parse_form(content_type, body);
    if (!form) return std::unexpected(form.error());
    Call call{.translate = translate, .model = {}, .file = {}, .label = {}, .language = {}, .prompt = {}};
    Taken taken;
    std::set<std::string_view> seen;
    for (const auto& part : *form) {
        if (!part.name.ends_with("[]") && !seen.insert(part.name).second)
            return fail_field(excerpt(part.name), fmt::format("the form has '{}' twice", excerpt(part.name)));
        if (auto took = take(call, taken, part); !took) return std::unexpected(took.error());
    }
    if (!taken.file) return fail_field("file", "'file' is missing; expected a recording");
    if (taken.granularity && call.format != Format::verbose_json)
        return fail_field("timestamp_granularities[]",
                          fmt::format("'timestamp_granularities[]' goes with response_format verbose_json, which is {}",
                                      formats.at(static_cast<std::size_t>(call.format))));
    if (call.stream && call.format != Format::json && call.format != Format::text)
        return fail_field("stream", fmt::format("'stream' is true with response_format {}; expected json or text",
                                                formats.at(static_cast<std::size_t>(call.format))));
    return call;
}

bool is_stock_name(std::string_view model) { return std::ranges::contains(stock_names, model); }

llm::Request ask_for(const Call& call, const std::string& model, std::string_view wav, std::string_view said) {
    std::string words = call.translate
                            ? "Translate what is said in the recording into English."
                            : "Write down what is said in the recording, word for word, in its own language.";
    if (!call.language.empty()) words += fmt::format(" It is spoken in the language with the code {}.", call.language);
    words += " Answer with these words alone. If nobody speaks, answer with nothing.";
    if (!call.prompt.empty()) words += fmt::format("\nNames, words and style that it may have: {}", call.prompt);
    if (!said.empty()) words += fmt::format("\nBefore it was said: {}", end_of(said));
    json::array content{{{"type", "text"}, {"text", words}},
                        {{"type", "input_audio"}, {"input_audio", {{"data", encode_base64(wav)}, {"format", "wav"}}}}};
    return {.task = llm::Task::chat,
            .model = model,
            .stream = true,
            .body = {{"model", model},
                     {"stream", true},
                     {"temperature", call.temperature},
                     {"max_tokens", most_tokens},
                     {"messages", json::array{json::object{{"role", "user"}, {"content", std::move(content)}}}}}};
}

llm::Request hear(const Call& call, const std::string& model, std::string_view sound, const std::string& language,
                  std::string_view said) {
    // Of a prompt that is too long whisper takes the end: what was said last.
    auto prompt = call.prompt;
    if (!prompt.empty() && !said.empty()) prompt += ' ';
    prompt += end_of(said);
    return {.task = llm::Task::transcription,
            .model = model,
            .stream = true,
            .body = hearing::encode_wish({.sound = std::string(sound),
                                          .language = language,
                                          .prompt = std::move(prompt),
                                          .translate = call.translate,
                                          .words = call.words,
                                          .temperature = call.temperature})};
}

std::string OneLine::add(std::string_view piece) {
    std::string out;
    for (const char c : piece) {
        if (c >= '\0' && c <= ' ') {
            gap_ = !text_.empty() || !out.empty();
            continue;
        }
        if (std::exchange(gap_, false)) out += ' ';
        out += c;
    }
    text_ += out;
    return out;
}

std::string whole_text(const Heard& heard) {
    std::string text;
    for (const auto& segment : heard.segments) {
        if (!text.empty() && !segment.text.empty()) text += ' ';
        text += segment.text;
    }
    return text;
}

std::string encode(const Call& call, const Heard& heard) {
    switch (call.format) {
        case Format::json: break;
        case Format::text: return whole_text(heard) + "\n";
        case Format::srt: return encode_srt(heard);
        case Format::verbose_json: return encode_verbose(call, heard);
        case Format::vtt: return encode_vtt(heard);
    }
    return json::serialize(json::object{{"text", whole_text(heard)}, {"usage", usage_json(heard.usage)}});
}

void append_delta(std::string& out, std::string_view text) {
    append_event(out, {{"type", "transcript.text.delta"}, {"delta", text}});
}

void append_done(std::string& out, const Heard& heard) {
    append_event(out,
                 {{"type", "transcript.text.done"}, {"text", whole_text(heard)}, {"usage", usage_json(heard.usage)}});
}

}  // namespace sarai::protocols::transcription
