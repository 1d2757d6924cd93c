#include "gguf_file.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>
#include <string_view>
#include <system_error>

#include <fmt/format.h>

#include "model_file.hpp"

namespace sarai::measure {
namespace {

// The end of the last tensor, in bytes from the start of the file. Offsets come from a file that nobody vouches for.
std::optional<std::uint64_t> end_of_data(const gguf_context* gguf) {
    std::uint64_t end = gguf_get_data_offset(gguf);
    for (std::int64_t i = 0; i < gguf_get_n_tensors(gguf); ++i) {
        std::uint64_t tensor_end = gguf_get_data_offset(gguf);
        if (__builtin_add_overflow(tensor_end, gguf_get_tensor_offset(gguf, i), &tensor_end) ||
            __builtin_add_overflow(tensor_end, gguf_get_tensor_size(gguf, i), &tensor_end)) {
            return std::nullopt;
        }
        end = std::max(end, tensor_end);
    }
    return end;
}

void read_projector(const gguf_context* gguf, GgufFacts& facts) {
    for (const char* key : {"clip.projector_type", "clip.vision.projector_type", "clip.audio.projector_type"}) {
        if (facts.projector_type.empty()) facts.projector_type = text_at(gguf, key);
    }
    for (const char* key : {"clip.vision.projection_dim", "clip.audio.projection_dim"}) {
        const auto id = gguf_find_key(gguf, key);
        if (id < 0 || gguf_get_kv_type(gguf, id) != GGUF_TYPE_UINT32 || facts.projection_width) continue;
        facts.projection_width = gguf_get_val_u32(gguf, id);
    }
    facts.windowed = gguf_find_key(gguf, "clip.vision.n_wa_pattern") >= 0;
    for (std::int64_t i = 0; i < gguf_get_n_tensors(gguf); ++i) {
        if (!std::string_view(gguf_get_tensor_name(gguf, i)).starts_with("mm.")) continue;
        const auto* shape = gguf_get_tensor_ne(gguf, i);
        facts.projector_sides.insert(facts.projector_sides.end(), {shape[0], shape[1]});
    }
}

}  // namespace

std::string text_at(const gguf_context* gguf, const char* key) {
    const auto id = gguf_find_key(gguf, key);
    if (id < 0 || gguf_get_kv_type(gguf, id) != GGUF_TYPE_STRING) return {};
    return gguf_get_val_str(gguf, id);
}

Result<GgufHandle> open_gguf(const std::filesystem::path& path) {
    const auto size = size_of_file(path);
    if (!size) return std::unexpected(size.error());
    std::array<char, 4> magic{};
    std::ifstream stream(path, std::ios::binary);
    if (!stream) {
        return fail(Code::io, fmt::format("cannot read {}", path.string()),
                    std::error_code(errno, std::generic_category()));
    }
    stream.read(magic.data(), magic.size());
    if (std::string_view(magic.data(), magic.size()) != GGUF_MAGIC) {
        return fail(Code::corrupt_file, fmt::format("{} is not a GGUF file", path.string()));
    }
    GgufHandle gguf(gguf_init_from_file(path.c_str(), {.no_alloc = true, .ctx = nullptr}), &gguf_free);
    if (!gguf) {
        return fail(Code::corrupt_file, fmt::format("the header of {} is damaged or cut off", path.string()),
                    "Download it again.");
    }
    const auto end = end_of_data(gguf.get());
    if (!end) return fail(Code::corrupt_file, fmt::format("{} places tensors beyond any file", path.string()));
    const auto there = static_cast<std::uint64_t>(size->count);
    if (*end > there) {
        return fail(Code::corrupt_file,
                    fmt::format("{} is truncated: {} of {} are missing", path.string(),
                                to_string(Bytes{static_cast<std::int64_t>(*end - there)}),
                                to_string(Bytes{static_cast<std::int64_t>(*end)})),
                    "Download it again.");
    }
    return gguf;
}

Result<GgufFacts> read_gguf(const std::filesystem::path& path) {
    const auto opened = open_gguf(path);
    if (!opened) return std::unexpected(opened.error());
    const auto* gguf = opened->get();
    GgufFacts facts{.path = path, .architecture = text_at(gguf, "general.architecture")};
    if (facts.architecture.empty()) {
        return fail(Code::corrupt_file, fmt::format("{} names no architecture", path.string()));
    }
    for (std::int64_t i = 0; i < gguf_get_n_tensors(gguf); ++i)
        facts.tensor_bytes.count += static_cast<std::int64_t>(gguf_get_tensor_size(gguf, i));
    for (const char* name : {"cls.weight", "cls.output.weight"})
        facts.has_classifier = facts.has_classifier || gguf_find_tensor(gguf, name) >= 0;
    if (const auto id = gguf_find_key(gguf, (facts.architecture + ".pooling_type").c_str()); id >= 0)
        facts.pools = gguf_get_kv_type(gguf, id) == GGUF_TYPE_UINT32 && gguf_get_val_u32(gguf, id) != 0;
    if (facts.is_projector()) read_projector(gguf, facts);
    return facts;
}

bool GgufFacts::projects_to(std::int64_t embedding) const {
    // The declared width is right in files for Qwen and Gemma. Older converters wrote CLIP's own width there (LLaVA),
    // so elsewhere some projection matrix has to have the text model's width.
    if (projection_width && (projector_type.starts_with("qwen") || projector_type.starts_with("gemma"))) {
        return *projection_width == embedding;
    }
    return std::ranges::contains(projector_sides, embedding);
}

}  // namespace sarai::measure
