#include "protocols/hearing.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "protocols/base64.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::hearing {
namespace {

void append_event(std::string& out, const json::object& event) {
    out.append("data: ").append(json::serialize(event)).append("\n\n");
}

std::optional<double> number_at(const json::object& object, std::string_view key) {
    const auto* value = find(object, key);
    return value != nullptr && value->is_number() ? std::optional(value->to_number<double>()) : std::nullopt;
}

json::object choice(json::object delta, json::value finish_reason) {
    return {{"index", 0}, {"delta", std::move(delta)}, {"finish_reason", std::move(finish_reason)}};
}

}  // namespace

json::object encode_wish(const Wish& wish) {
    return {{"sound", encode_base64(wish.sound)}, {"language", wish.language}, {"prompt", wish.prompt},
            {"translate", wish.translate},        {"words", wish.words},       {"temperature", wish.temperature}};
}

Result<Wish> decode_wish(std::string_view body) {
    const auto parsed = parse_json(body);
    if (!parsed) return fail(Code::invalid_argument, describe(parsed.error(), body));
    const auto* object = parsed->if_object();
    if (object == nullptr) return fail(Code::invalid_argument, "expected an object");
    auto sound = decode_base64(string_at(*object, "sound"));
    if (!sound) return fail_field("sound", fmt::format("'sound': {}", sound.error().message));
    const auto most = std::size_t{2} * rate * longest_piece;
    if (sound->empty() || sound->size() % 2 != 0 || sound->size() > most)
        return fail_field("sound", fmt::format("'sound' has {} bytes; expected 16-bit samples, at most {} s of them",
                                               sound->size(), longest_piece));
    return Wish{.sound = std::move(*sound),
                .language = std::string(string_at(*object, "language")),
                .prompt = std::string(string_at(*object, "prompt")),
                .translate = true_at(*object, "translate"),
                .words = true_at(*object, "words"),
                .temperature = number_at(*object, "temperature").value_or(0)};
}

void append_segment(std::string& out, const Segment& segment) {
    json::object told{{"start", segment.begin}, {"end", segment.end}, {"text", segment.text}};
    if (segment.avg_logprob) told["avg_logprob"] = *segment.avg_logprob;
    if (segment.no_speech_prob) told["no_speech_prob"] = *segment.no_speech_prob;
    json::array words;
    for (const auto& word : segment.words)
        words.push_back({{"word", word.text}, {"start", word.begin}, {"end", word.end}});
    if (!words.empty()) told["words"] = std::move(words);
    append_event(
        out, {{"choices", json::array{choice({{"content", segment.text}}, nullptr)}}, {"segment", std::move(told)}});
}

void append_end(std::string& out, const End& end) {
    append_event(out, {{"choices", json::array{choice({}, "stop")}},
                       {"language", end.language},
                       {"usage",
                        {{"prompt_tokens", end.positions},
                         {"completion_tokens", end.tokens},
                         {"total_tokens", end.positions + end.tokens}}}});
    out += "data: [DONE]\n\n";
}

void append_alive(std::string& out) { append_event(out, {{"choices", json::array{choice({}, nullptr)}}}); }

std::optional<Segment> segment_of(const json::object& chunk) {
    const auto* told = object_at(chunk, "segment");
    if (told == nullptr) return std::nullopt;
    Segment segment{.begin = number_at(*told, "start").value_or(0),
                    .end = number_at(*told, "end").value_or(0),
                    .text = std::string(string_at(*told, "text")),
                    .avg_logprob = number_at(*told, "avg_logprob"),
                    .no_speech_prob = number_at(*told, "no_speech_prob")};
    if (const auto* words = array_at(*told, "words"))
        for (const auto& value : *words)
            if (const auto* word = value.if_object())
                segment.words.push_back({.begin = number_at(*word, "start").value_or(0),
                                         .end = number_at(*word, "end").value_or(0),
                                         .text = std::string(string_at(*word, "word"))});
    return segment;
}

std::string_view language_of(const json::object& chunk) { return string_at(chunk, "language"); }

}  // namespace sarai::protocols::hearing
