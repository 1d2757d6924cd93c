#include "ear.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "whisper_file.hpp"

namespace sarai::whisper {
namespace {

namespace hearing = protocols::hearing;

constexpr std::size_t most_lines = 256;  // of the log; loading and planning write some 60

// Whisper's own: what is shorter it does not hear at all, so silence follows.
constexpr std::size_t shortest = hearing::rate * 11 / 10;

double seconds_of(std::int64_t hundredths) { return static_cast<double>(hundredths) / 100; }

std::vector<float> samples_of(std::string_view sound) {
    std::vector<float> samples(std::max(sound.size() / 2, shortest));
    for (std::size_t i = 0; i < sound.size() / 2; ++i) {
        std::int16_t sample = 0;
        std::memcpy(&sample, sound.data() + 2 * i, sizeof sample);
        samples[i] = static_cast<float>(sample) / 32768;
    }
    return samples;
}

// Runs of blanks are one, none at the ends.
std::string trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(' ');
    if (begin == std::string_view::npos) return {};
    return valid_utf8(text.substr(begin, text.find_last_not_of(' ') - begin + 1));
}

bool detects(std::string_view language) { return language.empty() || language == "auto"; }

// What one call of the engine needs to get back to us.
struct Run {
    const std::function<void(const hearing::Segment&)>& heard;
    const std::function<bool()>& given_up;
    double seconds = 0;  // of the sound, without the silence behind it
    bool words = false;
    std::int64_t tokens = 0;
    bool ended = false;  // given up
};

// A blank before a token begins a word; what has none (Chinese, Thai) stays one with what is before it.
void add_words(whisper_context* context, int index, hearing::Segment& segment) {
    std::string text;
    const auto end_word = [&] {
        if (auto whole = trimmed(text); !whole.empty())
            segment.words.back().text = std::move(whole);
        else if (!segment.words.empty() && segment.words.back().text.empty())
            segment.words.pop_back();
        text.clear();
    };
    for (int i = 0; i < whisper_full_n_tokens(context, index); ++i) {
        const auto token = whisper_full_get_token_data(context, index, i);
        if (token.id >= whisper_token_eot(context)) continue;
        const std::string_view piece = whisper_full_get_token_text(context, index, i);
        if (segment.words.empty() || piece.starts_with(' ')) {
            if (!segment.words.empty()) end_word();
            segment.words.push_back(
                {.begin = std::clamp(seconds_of(token.t0), segment.begin, segment.end), .end = 0, .text = {}});
        }
        text += piece;
        segment.words.back().end = std::clamp(seconds_of(token.t1), segment.words.back().begin, segment.end);
    }
    if (!segment.words.empty()) end_word();
}

hearing::Segment segment_at(whisper_context* context, int index, Run& run) {
    // The engine takes the first token for a time though a model may have said none.
    const auto begin = std::clamp(seconds_of(whisper_full_get_segment_t0(context, index)), 0.0, run.seconds);
    hearing::Segment segment{
        .begin = begin,
        .end = std::clamp(seconds_of(whisper_full_get_segment_t1(context, index)), begin, run.seconds),
        .text = trimmed(whisper_full_get_segment_text(context, index)),
        .no_speech_prob = whisper_full_get_segment_no_speech_prob(context, index)};
    const int tokens = whisper_full_n_tokens(context, index);
    double sum = 0;
    for (int i = 0; i < tokens; ++i) sum += whisper_full_get_token_data(context, index, i).plog;
    if (tokens > 0) segment.avg_logprob = sum / tokens;
    run.tokens += tokens;
    if (run.words) add_words(context, index, segment);
    return segment;
}

void take_segments(whisper_context* context, whisper_state* /*state*/, int count, void* user) {
    auto& run = *static_cast<Run*>(user);
    const int all = whisper_full_n_segments(context);
    for (int i = all - count; i < all; ++i) run.heard(segment_at(context, i, run));
}

bool wants_end(void* user) {
    auto& run = *static_cast<Run*>(user);
    run.ended = run.ended || run.given_up();
    return run.ended;
}

void take_line(ggml_log_level level, const char* text, void* user) {
    auto& lines = *static_cast<std::vector<std::string>*>(user);
    if (level == GGML_LOG_LEVEL_DEBUG) return;
    std::string line(text);
    while (line.ends_with('\n')) line.pop_back();
    if (level == GGML_LOG_LEVEL_ERROR) {
        std::fputs(text, stderr);
        line.insert(0, "E ");
    }
    if (lines.size() < most_lines) lines.push_back(std::move(line));
}

}  // namespace

void keep_log(std::vector<std::string>& lines) { whisper_log_set(&take_line, &lines); }

std::string reason_in(const std::vector<std::string>& lines) {
    // "whisper_model_load: unknown tensor …" comes before "…: failed to load model".
    const auto found = std::ranges::find_if(lines, [](const auto& line) { return line.starts_with("E "); });
    return found == lines.end() ? "it did not say why" : found->substr(2);
}

whisper_context_params context_parameters() {
    auto parameters = whisper_context_default_params();
    parameters.use_gpu = false;
    parameters.flash_attn = true;
    return parameters;
}

Result<Ear> Ear::load(const std::filesystem::path& model, int threads) {
    if (auto file = measure::read_whisper_file(model); !file) return std::unexpected(file.error());
    static std::vector<std::string> lines;
    lines.clear();
    keep_log(lines);
    Context context(whisper_init_from_file_with_params(model.c_str(), context_parameters()));
    if (!context)
        return fail(Code::corrupt_file, fmt::format("whisper.cpp refuses {}: {}", model.string(), reason_in(lines)));
    return Ear(std::move(context), threads);
}

Result<void> Ear::knows(std::string_view language) const {
    if (detects(language)) return {};
    if (whisper_lang_id(std::string(language).c_str()) < 0)
        return fail_field("language", fmt::format("'language' is \"{}\"; expected one that whisper knows", language));
    if (!multilingual() && language != "en")
        return fail_field("language",
                          fmt::format("'language' is \"{}\"; expected en: this model knows English alone", language));
    return {};
}

Result<hearing::End> Ear::hear(const hearing::Wish& wish, const std::function<void(const hearing::Segment&)>& heard,
                               const std::function<bool()>& given_up) {
    const auto samples = samples_of(wish.sound);
    Run run{.heard = heard,
            .given_up = given_up,
            .seconds = static_cast<double>(wish.sound.size()) / 2 / hearing::rate,
            .words = wish.words};
    // One sequence at a time: others, for which it would keep caches, are not planned.
    auto parameters = whisper_full_default_params(WHISPER_SAMPLING_GREEDY);
    parameters.greedy.best_of = 1;
    parameters.n_threads = threads_;
    parameters.language = !multilingual() ? "en" : detects(wish.language) ? "auto" : wish.language.c_str();
    parameters.translate = wish.translate;
    parameters.initial_prompt = wish.prompt.empty() ? nullptr : wish.prompt.c_str();
    // What the last request had said is nobody else's business.
    parameters.no_context = true;
    parameters.token_timestamps = wish.words;
    parameters.temperature = static_cast<float>(wish.temperature);
    // At 0 it tries again, more boldly, where it does not trust what it heard; a client that says more gets just that.
    if (wish.temperature > 0) parameters.temperature_inc = 0;
    parameters.print_progress = parameters.print_realtime = parameters.print_timestamps = false;
    parameters.new_segment_callback = &take_segments;
    parameters.new_segment_callback_user_data = &run;
    parameters.abort_callback = &wants_end;
    parameters.abort_callback_user_data = &run;
    const int status = whisper_full(context_.get(), parameters, samples.data(), static_cast<int>(samples.size()));
    if (run.ended) return fail(Code::cancelled, "nobody waits for it any more");
    if (status != 0) return fail(Code::internal, fmt::format("whisper.cpp failed with status {}", status));
    return hearing::End{.language = whisper_lang_str(whisper_full_lang_id(context_.get())),
                        .positions = static_cast<std::int64_t>(run.seconds * 50),
                        .tokens = run.tokens};
}

}  // namespace sarai::whisper
