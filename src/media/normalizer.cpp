#include "media/normalizer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "media/data_uri.hpp"
#include "media/files.hpp"
#include "media/image_header.hpp"
#include "media/wav.hpp"
#include "net/on_thread.hpp"
#include "protocols/base64.hpp"
#include "protocols/json.hpp"

namespace sarai::media {

// A part's bytes, and what they are.
struct Normalizer::Source {
    Kind kind = Kind::unknown;
    std::string bytes;
};

namespace {

constexpr std::size_t most_parts = 64;
constexpr Bytes most_of_a_request = MiB(128);
constexpr std::int64_t enough_for_sound = 48'000;  // samples a second; more is only more to send

// Errors of those who know no fields. Of a full disk and of others no field of the request is to blame.
std::unexpected<Error> at_field(Error error, const std::string& field) {
    const bool to_blame = error.code != Code::cancelled && error.code != Code::io && error.code != Code::busy;
    if (error.field.empty() && to_blame) {
        error.message = fmt::format("'{}': {}", field, error.message);
        error.field = field;
    }
    return std::unexpected(std::move(error));
}

json::object text_part(std::string text) { return {{"type", "text"}, {"text", std::move(text)}}; }
json::object image_part(std::string_view media_type, std::string_view bytes) {
    return {{"type", "image_url"}, {"image_url", {{"url", to_data_uri(media_type, bytes)}}}};
}
json::object sound_part(std::string_view wav) {
    return {{"type", "input_audio"}, {"input_audio", {{"data", protocols::encode_base64(wav)}, {"format", "wav"}}}};
}

// Of what was decoded and encoded anew; the rest of a part is small.
std::size_t size_of(const json::array& parts) {
    std::size_t sum = 0;
    for (const auto& part : parts)
        for (const auto& [type, held] : part.get_object())
            if (const auto* object = held.if_object())
                for (const auto& [key, value] : *object) sum += value.is_string() ? value.get_string().size() : 0;
    return sum;
}

struct Told {
    json::array parts;
    std::int64_t pixels = 0;
};
Result<Told> told_as_parts(const Film& film, std::int64_t max_pixels, const std::string& field) {
    Told told;
    const auto whole = std::chrono::milliseconds(static_cast<std::int64_t>(film.seconds * 1000));
    if (!film.frames.empty())
        told.parts.emplace_back(
            text_part(fmt::format("Video of {}, {} frames:", timestamp(whole), film.frames.size())));
    for (const auto& frame : film.frames) {
        const auto header = read_image_header(Kind::jpeg, frame.jpeg, max_pixels, field);
        if (!header) return std::unexpected(header.error());
        told.pixels += header->pixels();
        told.parts.emplace_back(text_part(timestamp(frame.at)));
        told.parts.emplace_back(image_part("image/jpeg", frame.jpeg));
    }
    if (film.sound.wav.empty()) return told;
    if (!told.parts.empty()) told.parts.emplace_back(text_part("Its sound:"));
    told.parts.emplace_back(sound_part(film.sound.wav));
    return told;
}

bool is_plain_wav(const WavHeader& header) {
    return header.pcm && (header.bits == 8 || header.bits == 16 || header.bits == 24 || header.bits == 32) &&
           header.channels <= 2 && header.rate <= enough_for_sound;
}

}  // namespace

int frames_within(int most, const MediaWish& wish) {
    if (wish.token_budget <= 0 || wish.tokens_per_frame <= 0) return most;
    return static_cast<int>(std::clamp<std::int64_t>(wish.token_budget / wish.tokens_per_frame, 1, most));
}

asio::awaitable<Result<Normalizer::Source>> Normalizer::obtain(const Part& part, MediaReport& report) const {
    Labelled got;
    if (is_web_url(part.data)) {
        auto fetched = co_await fetcher_.fetch(
            std::string(part.data),
            {.types = {"image/", "audio/", "video/", "application/ogg", "application/pdf", "text/plain"}});
        if (!fetched) co_return at_field(std::move(fetched.error()), part.field);
        // What a server says of a file is often only its name's ending: of labels, those that clients give count.
        got.bytes = std::move(fetched->bytes);
        ++report.fetched;
    } else {
        auto decoded = co_await net::on_thread(
            converter_.thread(), [data = std::string(part.data), most = settings_.max_bytes, field = part.field] {
                return decode_file(data, most, field);
            });
        if (!decoded) co_return std::unexpected(decoded.error());
        got = std::move(*decoded);
        if (got.label.empty()) got.label = part.label;
    }
    if (got.bytes.empty()) co_return fail_field(part.field, fmt::format("'{}' is empty; expected a file", part.field));
    report.bytes += Bytes{static_cast<std::int64_t>(got.bytes.size())};
    if (report.bytes > most_of_a_request)
        co_return too_large("messages", fmt::format("{} of files", to_string(report.bytes)),
                            to_string(most_of_a_request));
    const auto kind = sniff(got.bytes);
    if (auto fits = check_label(got.label, kind, part.field); !fits) co_return std::unexpected(fits.error());
    if (!serves(kind, part.expected)) co_return not_wanted(kind, part.expected, part.field);
    co_return Source{.kind = kind, .bytes = std::move(got.bytes)};
}

// An image's header, and the part that it becomes where it can go as it is. The work owns what it looks at, here and
// below: the caller may be gone before it ends.
struct Normalizer::Looked {
    Source source;
    Result<ImageHeader> header = ImageHeader{};
    json::array parts = {};
};
asio::awaitable<Normalizer::Looked> Normalizer::look(Converter& converter, Source source, std::int64_t max_pixels,
                                                     std::uint32_t longest_side, std::string field) {
    co_return co_await net::on_thread(
        converter.thread(), [source = std::move(source), max_pixels, longest_side, field = std::move(field)]() mutable {
            auto header = read_image_header(source.kind, source.bytes, max_pixels, field);
            json::array parts;
            if (header && header->engine_reads && std::max(header->width, header->height) <= longest_side)
                parts.emplace_back(image_part(mime_type(source.kind), source.bytes));
            return Looked{.source = std::move(source), .header = std::move(header), .parts = std::move(parts)};
        });
}

asio::awaitable<Result<json::array>> Normalizer::image(Source source, const std::string& field, const MediaWish& wish,
                                                       MediaReport& report) const {
    const auto most = settings_.max_pixels;
    const auto longest = wish.longest_side > 0 ? static_cast<std::uint32_t>(wish.longest_side) : ~0U;
    auto looked = Looked{.source = std::move(source)};
    if (has_image_header(looked.source.kind)) {
        looked = co_await look(converter_, std::move(looked.source), most, longest, field);
        if (!looked.header) co_return std::unexpected(looked.header.error());
    }
    if (looked.parts.empty()) {
        const auto into = looked.source.kind == Kind::jpeg ? Kind::jpeg : Kind::png;
        auto made = co_await converter_.picture(
            looked.source.kind, std::move(looked.source.bytes),
            {.longest_side = wish.longest_side, .pixels = looked.header->pixels(), .max_pixels = most, .into = into});
        if (!made) co_return at_field(std::move(made.error()), field);
        ++report.converted;
        report.memory = std::max(report.memory, made->memory);
        looked = co_await look(converter_, Source{.kind = into, .bytes = std::move(made->bytes)}, most, longest, field);
        if (!looked.header || looked.parts.empty())
            co_return fail(Code::internal, "a converted image is none that the engine reads");
    }
    report.pixels += looked.header->pixels();
    co_return std::move(looked.parts);
}

// A worker holds all of it at once, as 16 kHz, whatever few bytes it came in.
Result<void> Normalizer::check_sound(double seconds, const std::string& field, const MediaWish& wish) const {
    const auto ours = converter_.most_sound();
    const auto most = wish.most_sound.count() > 0 ? std::min(ours, wish.most_sound) : ours;
    if (seconds <= static_cast<double>(most.count())) return {};
    return std::unexpected(Error{.code = Code::too_large,
                                 .message = fmt::format("'{}' makes {:.0f} s of sound in all; expected at most {} s",
                                                        field, std::ceil(seconds), most.count()),
                                 .hint = most < ours ? "More does not fit into the model's context." : "",
                                 .field = field});
}

asio::awaitable<Result<json::array>> Normalizer::sound(Source source, const std::string& field, const MediaWish& wish,
                                                       MediaReport& report) const {
    Sound heard;
    bool plain = false;
    if (source.kind == Kind::wav) {
        const auto header = read_wav_header(source.bytes, field);
        if (!header) co_return std::unexpected(header.error());
        plain = is_plain_wav(*header);
        heard.seconds = header->seconds;
        if (auto fits = check_sound(report.sound_seconds + heard.seconds, field, wish); !fits)
            co_return std::unexpected(fits.error());
    }
    if (plain) {
        heard.wav = std::move(source.bytes);
    } else {
        auto made = co_await converter_.sound(source.kind, std::move(source.bytes));
        if (!made) co_return at_field(std::move(made.error()), field);
        heard = std::move(*made);
        ++report.converted;
        report.memory = std::max(report.memory, heard.memory);
    }
    report.sound_seconds += heard.seconds;
    if (auto fits = check_sound(report.sound_seconds, field, wish); !fits) co_return std::unexpected(fits.error());
    co_return co_await net::on_thread(converter_.thread(), [wav = std::move(heard.wav)]() -> Result<json::array> {
        json::array parts;
        parts.emplace_back(sound_part(wav));
        return parts;
    });
}

asio::awaitable<Result<json::array>> Normalizer::film(Source source, const std::string& field, const MediaWish& wish,
                                                      MediaReport& report) const {
    auto made = co_await converter_.film(source.kind, std::move(source.bytes),
                                         {.frames = frames_within(settings_.max_video_frames, wish),
                                          .per_second = wish.frames_per_second,
                                          .longest_side = wish.longest_side,
                                          .max_pixels = settings_.max_pixels,
                                          .sound = wish.sound});
    if (!made) co_return at_field(std::move(made.error()), field);
    ++report.converted;
    report.memory = std::max(report.memory, made->memory);
    report.film_seconds += made->seconds;
    report.sound_seconds += made->sound.seconds;
    report.frames += static_cast<int>(made->frames.size());
    if (auto fits = check_sound(report.sound_seconds, field, wish); !fits) co_return std::unexpected(fits.error());
    auto told = co_await net::on_thread(converter_.thread(), [film = std::move(*made), most = settings_.max_pixels,
                                                              field]() { return told_as_parts(film, most, field); });
    if (!told) co_return std::unexpected(told.error());
    report.pixels += told->pixels;
    co_return std::move(told->parts);
}

asio::awaitable<Result<json::array>> Normalizer::turn(const Part& part, const MediaWish& wish,
                                                      MediaReport& report) const {
    auto source = co_await obtain(part, report);
    if (!source) co_return std::unexpected(source.error());
    const auto family = family_of(source->kind);
    if (family == Family::document) {
        ++report.documents;
        co_return json::array{text_part(text_of_file(part.name, std::move(source->bytes)))};
    }
    if (family == Family::image) {
        ++report.images;
        co_return co_await image(std::move(*source), part.field, wish, report);
    }
    if (family == Family::audio || part.expected == Family::audio) {
        ++report.sounds;
        co_return co_await sound(std::move(*source), part.field, wish, report);
    }
    ++report.films;
    co_return co_await film(std::move(*source), part.field, wish, report);
}

asio::awaitable<Result<std::vector<json::array>>> Normalizer::turn_all(const std::vector<Wanted>& parts,
                                                                       MediaReport& report, HoldMore hold) const {
    if (parts.size() > most_parts)
        co_return too_large("messages", fmt::format("{} pictures, sounds and films", parts.size()),
                            std::to_string(most_parts));
    std::vector<json::array> made;
    for (const auto& [part, wish] : parts) {
        auto turned = co_await turn(part, wish, report);
        if (!turned) co_return std::unexpected(std::move(turned.error()));
        const auto brought = is_web_url(part.data) ? 0 : part.data.size();
        const auto now = size_of(*turned);
        report.size += Bytes{static_cast<std::int64_t>(now)};
        if (now > brought) {
            const Bytes more{static_cast<std::int64_t>(now - brought)};
            if (auto held = hold ? hold(more) : Result<void>{}; !held)
                co_return at_field(std::move(held.error()), part.field);
            report.held += more;
        }
        made.push_back(std::move(*turned));
    }
    co_return made;
}

asio::awaitable<Result<MediaReport>> Normalizer::normalize(llm::Request& request, MediaWish wish, HoldMore hold) const {
    MediaReport report;
    if (!has_media(request.body)) co_return report;
    auto found = find_media(request.body);
    if (!found) co_return std::unexpected(std::move(found.error()));
    std::vector<Wanted> parts;
    for (auto& part : *found) parts.push_back({.part = std::move(part), .wish = wish});
    auto made = co_await turn_all(parts, report, std::move(hold));
    if (!made) co_return std::unexpected(std::move(made.error()));
    request.text = {};
    auto& messages = request.body["messages"].get_array();
    // From the last to the first: what a part becomes may be several, which move those behind it.
    for (auto i = parts.size(); i-- > 0;) {
        const auto& part = parts[i].part;
        auto& content = messages[part.message].get_object()["content"].get_array();
        auto at = content.erase(content.begin() + static_cast<std::ptrdiff_t>(part.index));
        for (auto& one : (*made)[i]) at = std::next(content.insert(at, std::move(one)));
    }
    co_return report;
}

asio::awaitable<Result<Recording>> Normalizer::hear(std::string bytes, std::string label, std::string field,
                                                    std::chrono::milliseconds patience) const {
    const auto size = Bytes{static_cast<std::int64_t>(bytes.size())};
    if (size.count == 0) co_return fail_field(field, fmt::format("'{}' is empty; expected a recording", field));
    if (size > settings_.max_bytes)
        co_return too_large(field, to_string(size),
                            fmt::format("{} (media.max_bytes)", to_string(settings_.max_bytes)));
    const auto kind = sniff(bytes);
    if (auto fits = check_label(label, kind, field); !fits) co_return std::unexpected(fits.error());
    if (!serves(kind, Family::audio)) co_return not_wanted(kind, Family::audio, field);
    if (kind == Kind::wav)  // whose own words are clearer than a decoder's
        if (const auto header = read_wav_header(bytes, field); !header) co_return std::unexpected(header.error());
    auto recording = co_await converter_.recording(kind, std::move(bytes), patience);
    if (!recording) co_return at_field(std::move(recording.error()), field);
    co_return recording;
}

}  // namespace sarai::media
