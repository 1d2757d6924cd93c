#include "plan.hpp"

#include <link.h>
#include <malloc.h>

#include <algorithm>
#include <boost/json.hpp>
#include <charconv>
#include <cstdio>
#include <fstream>
#include <optional>

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "ear.hpp"
#include "ggml.h"
#include "whisper_file.hpp"

namespace sarai::whisper {
namespace {

namespace json = boost::json;
namespace hearing = protocols::hearing;
using measure::WhisperFile;

// What the worker's process has beside the vocabulary and graphs that this process has too: mapped libraries, threads'
// stacks, connections. Measured as PSS of the worker less the other lines.
constexpr Bytes server_own = MiB(6);

// Gives the engine the file without its weights: nothing is written where they would go.
class Weightless {
public:
    Weightless(const std::filesystem::path& path, const WhisperFile& file)
        : stream_(path, std::ios::binary), file_(file) {}

    whisper_model_loader loader() {
        return {.context = this,
                .read = [](void* self, void* output,
                           std::size_t size) { return static_cast<Weightless*>(self)->read(output, size); },
                .eof = [](void* self) { return static_cast<Weightless*>(self)->stream_.eof(); },
                .close = [](void*) {}};
    }

private:
    std::size_t read(void* output, std::size_t size) {
        if (next_ < file_.tensors.size() && file_.tensors[next_].begin == at_) {
            size = file_.tensors[next_++].size;
            stream_.seekg(static_cast<std::streamoff>(at_ + size));
        } else {
            stream_.read(static_cast<char*>(output), static_cast<std::streamsize>(size));
        }
        at_ += size;
        return size;
    }

    std::ifstream stream_;
    const WhisperFile& file_;
    std::uint64_t at_ = 0;
    std::size_t next_ = 0;
};

// "whisper_init_state: kv self size  =    3.15 MB": the sum of such lines, in the engine's millions of bytes.
std::optional<Bytes> sum_of(const std::vector<std::string>& lines, std::string_view what, std::string_view also = {}) {
    std::optional<Bytes> sum;
    for (const auto& line : lines) {
        const auto equals = line.rfind('=');
        if (equals == std::string::npos || !line.contains(what) || !line.contains(also)) continue;
        const auto begin = line.find_first_not_of(' ', equals + 1);
        if (begin == std::string::npos) continue;
        double millions = 0;
        const auto* end = line.data() + line.size();
        const auto [rest, error] = std::from_chars(line.data() + begin, end, millions);
        if (error != std::errc{} || std::string_view(rest, end) != " MB" || millions < 0) continue;
        sum = sum.value_or(Bytes{}) + Bytes{static_cast<std::int64_t>(millions * 1e6)};
    }
    return sum;
}

Bytes anonymous_memory() {
    ::malloc_trim(0);
    std::ifstream rollup("/proc/self/smaps_rollup");
    for (std::string line; std::getline(rollup, line);) {
        long long kib = 0;
        if (std::sscanf(line.c_str(), "Anonymous: %lld kB", &kib) == 1) return KiB(kib);
    }
    return {};
}

json::array engine_libraries() {
    json::array found;
    const auto note = [](dl_phdr_info* info, std::size_t /*size*/, void* into) {
        const std::string_view path = info->dlpi_name;
        const auto name = path.substr(path.rfind('/') + 1);
        if (name.starts_with("libggml") || name.starts_with("libwhisper"))
            static_cast<json::array*>(into)->emplace_back(path);
        return 0;
    };
    dl_iterate_phdr(note, &found);
    return found;
}

// Tokens that are read at once: a prompt of half of the context, and what begins a text.
std::int64_t most_tokens(const WhisperFile& file) { return file.text_context / 2 + 8; }

// Logits of every one of them, and what a decoder keeps of the last: logits, probabilities, their logarithms, and pairs
// to sort.
Bytes output_of(const WhisperFile& file) { return Bytes{file.vocabulary * (4 * most_tokens(file) + 3 * 4 + 16)}; }

// The decoder's buffer is reserved for the logits of a whole context, of which no more are written.
Bytes untouched(const WhisperFile& file) {
    return Bytes{std::max<std::int64_t>(0, file.text_context - most_tokens(file)) * file.vocabulary * 4};
}

// Of the longest piece: as it came (base64 in JSON, parsed, decoded), as numbers, as the engine pads it, and its
// spectrum of 100 columns a second, with 30 s of silence each.
Bytes sound_of(const WhisperFile& file) {
    constexpr std::int64_t samples = std::int64_t{hearing::rate} * hearing::longest_piece;
    constexpr std::int64_t padded = samples + 30 * hearing::rate;
    return Bytes{2 * samples + 4 * samples + 4 * padded + std::int64_t{4} * file.mels * padded / 160};
}

}  // namespace

Result<json::object> plan(const std::filesystem::path& model) {
    const auto file = measure::read_whisper_file(model);
    if (!file) return std::unexpected(file.error());
    std::vector<std::string> lines;
    keep_log(lines);
    Weightless weightless(model, *file);
    auto loader = weightless.loader();
    // Until the process ends, which spares giving back a vocabulary string by string.
    const auto* context = Context(whisper_init_with_params(&loader, context_parameters())).release();
    if (context == nullptr)
        return fail(Code::corrupt_file, fmt::format("whisper.cpp refuses {}: {}", model.string(), reason_in(lines)));
    const auto weights = sum_of(lines, "total size");
    const auto cache = sum_of(lines, "kv ");
    const auto compute = sum_of(lines, "compute buffer");
    if (!weights || !cache || !compute)
        return fail(Code::internal, "this build of whisper.cpp tells its memory in another form");
    // Caches are cleared at once, and weights in the processor's own layout are written by this process as well.
    const auto repacked =
        sum_of(lines, "total size", "REPACK").value_or(Bytes{}) + sum_of(lines, "total size", "AMX").value_or(Bytes{});
    const auto heap = std::max(Bytes{}, anonymous_memory() - *cache - repacked);
    json::array told;
    const auto add = [&](const char* what, Bytes amount) { told.push_back({{"what", what}, {"bytes", amount.count}}); };
    add("weights", *weights);
    add("kv_cache", *cache);
    add("compute", std::max(Bytes{}, *compute - untouched(*file)));
    add("output", output_of(*file));
    add("sound", sound_of(*file));
    add("overhead", heap + server_own);
    return json::object{{"nodes", json::array()},
                        {"architecture", "whisper"},
                        {"trained_context", file->text_context},
                        {"engine", fmt::format("whisper-{}+ggml-{}", whisper_version(), ggml_version())},
                        {"kv_quantisable", false},
                        {"libraries", engine_libraries()},
                        {"lines", std::move(told)}};
}

}  // namespace sarai::whisper
