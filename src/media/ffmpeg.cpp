#include "media/ffmpeg.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>

#include "protocols/json.hpp"

namespace sarai::media {
namespace {

namespace json = boost::json;

std::string_view demuxer_of(Kind kind) {
    switch (kind) {
        case Kind::png: return "png_pipe";
        case Kind::jpeg: return "jpeg_pipe";
        case Kind::gif: return "gif";
        case Kind::webp: return "webp_pipe";
        case Kind::bmp: return "bmp_pipe";
        case Kind::tiff: return "tiff_pipe";
        case Kind::avif:
        case Kind::heic:
        case Kind::m4a:
        case Kind::mp4: return "mov";
        case Kind::wav: return "wav";
        case Kind::mp3: return "mp3";
        case Kind::flac: return "flac";
        case Kind::ogg: return "ogg";
        case Kind::aac: return "aac";
        case Kind::webm: return "matroska";
        case Kind::avi: return "avi";
        case Kind::unknown:
        case Kind::svg:
        case Kind::pdf:
        case Kind::text: break;
    }
    return {};
}

Arguments input_arguments(Kind kind, const std::string& input, std::int64_t max_pixels = 0) {
    // One thread: the pictures are small, and each further one takes memory and a core from the models.
    Arguments all{"-hide_banner", "-nostdin", "-loglevel", "error", "-threads", "1"};
    // It counts rows that are padded to a multiple of 64 bytes; what is exact was read from the header.
    constexpr std::int64_t padding = std::int64_t{64} << 16U;
    if (max_pixels > 0) all.insert(all.end(), {"-max_pixels", std::to_string(max_pixels + padding)});
    if (demuxer_of(kind) == "mov") all.insert(all.end(), {"-enable_drefs", "0", "-use_absolute_path", "0"});
    all.insert(all.end(), {"-protocol_whitelist", "file", "-f", std::string(demuxer_of(kind)), "-i", "file:" + input});
    return all;
}

// Nothing that depends on when or where: equal files are to become equal prompts, which the engine has cached.
void finish(Arguments& all, std::initializer_list<std::string> more) {
    all.insert(all.end(), {"-map_metadata", "-1", "-fflags", "+bitexact", "-flags", "+bitexact", "-threads", "1"});
    all.insert(all.end(), more);
}

std::string scale_filter(int longest_side) {
    if (longest_side <= 0) return {};
    return fmt::format("scale=w='min({0},iw)':h='min({0},ih)':force_original_aspect_ratio=decrease", longest_side);
}

std::string joined(std::initializer_list<std::string> filters) {
    std::string all;
    for (const auto& filter : filters) {
        if (filter.empty()) continue;
        if (!all.empty()) all += ',';
        all += filter;
    }
    return all;
}

// More than any child has memory for, so that products stay numbers.
constexpr std::int64_t countable = std::int64_t{1} << 40U;

double number_in(std::string_view text) {
    double value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return std::isfinite(value) && value > 0 ? value : 0;
}

void drop_all(std::string& text, std::string_view what) {
    for (std::size_t at = 0; !what.empty() && (at = text.find(what, at)) != std::string::npos;)
        text.erase(at, what.size());
}

}  // namespace

bool is_convertible(Kind kind) { return !demuxer_of(kind).empty(); }

Bytes memory_of_sound(Kind kind) {
    const bool may_be_a_film = kind == Kind::mp4 || kind == Kind::webm || kind == Kind::avi;
    return may_be_a_film ? memory_of_probe() : MiB(64);
}
Bytes memory_of_probe() { return MiB(144); }
Bytes memory_of_picture(std::int64_t pixels) {
    return MiB(80) + Bytes{9 * std::clamp<std::int64_t>(pixels, 0, countable)};
}
Bytes memory_of_frames(std::int64_t pixels) {
    return MiB(80) + Bytes{26 * std::clamp<std::int64_t>(pixels, 0, countable)};
}

Arguments probe_arguments(Kind kind, const std::string& input) {
    Arguments all{"-hide_banner", "-loglevel", "error"};
    if (demuxer_of(kind) == "mov") all.insert(all.end(), {"-enable_drefs", "0", "-use_absolute_path", "0"});
    all.insert(
        all.end(),
        {"-protocol_whitelist", "file", "-f", std::string(demuxer_of(kind)), "-of", "json", "-show_entries",
         "format=duration:stream=codec_type,width,height,duration:stream_disposition=attached_pic", "file:" + input});
    return all;
}

Result<Probe> parse_probe(std::string_view printed) {
    const auto parsed = protocols::parse_json(printed);
    const auto* root = parsed ? parsed->if_object() : nullptr;
    const auto* streams = root == nullptr ? nullptr : protocols::array_at(*root, "streams");
    if (streams == nullptr) return fail(Code::invalid_argument, "nothing in it can be played");
    Probe probe;
    if (const auto* format = protocols::object_at(*root, "format"))
        probe.seconds = number_in(protocols::string_at(*format, "duration"));
    for (const auto& value : *streams) {
        const auto* stream = value.if_object();
        if (stream == nullptr) continue;
        const auto type = protocols::string_at(*stream, "codec_type");
        // A record's cover is a video of one picture.
        const auto* disposition = protocols::object_at(*stream, "disposition");
        const bool cover =
            disposition != nullptr && protocols::integer_at(*disposition, "attached_pic").value_or(0) != 0;
        if (type == "video" && !probe.video && !cover) {
            probe.video = true;
            probe.width = static_cast<std::uint32_t>(protocols::count_at(*stream, "width"));
            probe.height = static_cast<std::uint32_t>(protocols::count_at(*stream, "height"));
        }
        probe.audio = probe.audio || type == "audio";
        if (probe.seconds == 0) probe.seconds = number_in(protocols::string_at(*stream, "duration"));
    }
    if (!probe.video && !probe.audio) return fail(Code::invalid_argument, "it has neither pictures nor sound");
    return probe;
}

Arguments picture_arguments(Kind kind, const std::string& input, const std::string& output, const PictureOrder& order) {
    auto all = input_arguments(kind, input, order.max_pixels);
    all.insert(all.end(), {"-map", "0:v:0", "-frames:v", "1"});
    if (const auto scale = scale_filter(order.longest_side); !scale.empty()) all.insert(all.end(), {"-vf", scale});
    if (order.into == Kind::jpeg)
        finish(all, {"-c:v", "mjpeg", "-q:v", "2", "-f", "image2", "-update", "1", "file:" + output});
    else
        finish(all, {"-c:v", "png", "-f", "image2", "-update", "1", "file:" + output});
    return all;
}

Arguments sound_arguments(Kind kind, const std::string& input, const std::string& output, std::chrono::seconds most) {
    auto all = input_arguments(kind, input);
    all.insert(all.end(), {"-map", "0:a:0", "-t", std::to_string(most.count()), "-ac", "1", "-ar",
                           std::to_string(sound_rate), "-c:a", "pcm_s16le"});
    finish(all, {"-f", "wav", "file:" + output});
    return all;
}

FrameRate frame_rate(double seconds, int most, double per_second) {
    most = std::max(most, 1);
    if (seconds <= 0 || per_second <= 0) return {.frames = most, .step = per_second > 0 ? 1 / per_second : 1};
    const auto wanted = std::clamp(std::ceil(seconds * per_second), 1.0, static_cast<double>(most));
    return {.frames = static_cast<int>(wanted), .step = std::max(seconds / wanted, 1 / per_second)};
}

Arguments frame_arguments(Kind kind, const std::string& input, const std::string& folder, const FrameRate& rate,
                          const PictureOrder& order) {
    auto all = input_arguments(kind, input, order.max_pixels);
    // The first one, and then each that is a step later. Half a frame early is in time, so that a step of a second in a
    // film of 25 a second is not 26 frames; 20 ms are that.
    const auto select =
        fmt::format("select='isnan(prev_selected_t)+gte(t-prev_selected_t,{:.3f})'", std::max(rate.step - 0.02, 0.001));
    all.insert(all.end(),
               {"-map", "0:v:0", "-vf", joined({select, scale_filter(order.longest_side), "settb=1/1000"}), "-frames:v",
                std::to_string(rate.frames), "-fps_mode", "passthrough", "-enc_time_base", "1:1000"});
    finish(all, {"-c:v", "mjpeg", "-q:v", "3", "-f", "image2", "-frame_pts", "1", "file:" + folder + "/%d.jpg"});
    return all;
}

Arguments length_arguments(Kind kind, const std::string& input) {
    auto all = input_arguments(kind, input);
    all.insert(all.end(), {"-map", "0:v:0", "-c", "copy", "-progress", "pipe:1", "-f", "null", "-"});
    return all;
}

double parse_length(std::string_view printed) {
    constexpr std::string_view key = "out_time_us=";
    const auto at = printed.rfind(key);
    return at == std::string_view::npos ? 0 : number_in(printed.substr(at + key.size())) / 1e6;
}

std::string timestamp(std::chrono::milliseconds at) {
    const auto tenths = at.count() / 100;
    const auto minutes = tenths / 600;
    const auto seconds = fmt::format("{:02}.{}", tenths % 600 / 10, tenths % 10);
    if (minutes < 60) return fmt::format("{}:{}", minutes, seconds);
    return fmt::format("{}:{:02}:{}", minutes / 60, minutes % 60, seconds);
}

std::string complaint(std::string_view last_words, std::string_view folder) {
    std::string text;
    for (auto rest = last_words; !rest.empty();) {
        const auto line = rest.substr(0, rest.find('\n'));
        rest.remove_prefix(std::min(line.size() + 1, rest.size()));
        // How its threads ended says nothing of the file.
        if (line.contains("Task finished") || line.contains("Terminating thread")) continue;
        text.append(text.empty() ? "" : " ").append(line);
    }
    if (!folder.empty()) {
        drop_all(text, "file:" + std::string(folder) + "/");
        drop_all(text, std::string(folder) + "/");
    }
    for (std::size_t at = 0; (at = text.find(" @ 0x", at)) != std::string::npos;)
        text.erase(at, text.find_first_not_of("0123456789abcdef", at + 5) - at);
    return protocols::excerpt(text, 300);
}

}  // namespace sarai::media
