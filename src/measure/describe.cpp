#include "describe.hpp"

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "base/utf8.hpp"
#include "gguf_file.hpp"
#include "memory/quantisation.hpp"
#include "whisper_file.hpp"

namespace sarai::measure {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_text = std::size_t{64} << 10;
constexpr std::size_t longest_template = std::size_t{1} << 20;  // the longest that are in use have 20 KiB
// Layers' heads and the like, of which no model has more; tokenizers have tens of thousands.
constexpr std::size_t longest_array = 256;
constexpr std::size_t room_for_the_rest = std::size_t{64} << 10;

constexpr const char* template_key = "tokenizer.chat_template";

// How keys, tensors and architectures are named.
bool is_name(std::string_view text) {
    return !text.empty() && text.size() <= 256 &&
           std::ranges::all_of(text, [](unsigned char c) { return c >= ' ' && c < 0x7f; });
}

// UTF-8, with U+FFFD for what is none and for control characters other than white space.
std::string clean(std::string_view text) {
    std::string out;
    for (const char c : valid_utf8(text)) {
        const auto byte = static_cast<unsigned char>(c);
        const bool control = (byte < ' ' && c != '\n' && c != '\t' && c != '\r') || byte == 0x7f;
        control ? out += "\xef\xbf\xbd" : out += c;
    }
    return out;
}

// As its shortest digits say it, and whole ones without a fraction: 10000, not 1E4, and 0.00001 instead of the double
// that lies next to the float.
json::value number_of(double value, const std::string& digits) {
    if (!std::isfinite(value)) return nullptr;
    if (std::trunc(value) == value && std::abs(value) < 9007199254740992.0) return static_cast<std::int64_t>(value);
    return std::stod(digits);
}

// nullopt: an array, or too long.
std::optional<json::value> scalar_at(const gguf_context* gguf, std::int64_t id) {
    switch (gguf_get_kv_type(gguf, id)) {
        case GGUF_TYPE_UINT8: return gguf_get_val_u8(gguf, id);
        case GGUF_TYPE_INT8: return gguf_get_val_i8(gguf, id);
        case GGUF_TYPE_UINT16: return gguf_get_val_u16(gguf, id);
        case GGUF_TYPE_INT16: return gguf_get_val_i16(gguf, id);
        case GGUF_TYPE_UINT32: return gguf_get_val_u32(gguf, id);
        case GGUF_TYPE_INT32: return gguf_get_val_i32(gguf, id);
        case GGUF_TYPE_UINT64: return gguf_get_val_u64(gguf, id);
        case GGUF_TYPE_INT64: return gguf_get_val_i64(gguf, id);
        case GGUF_TYPE_FLOAT32: {
            const auto value = gguf_get_val_f32(gguf, id);
            return number_of(value, fmt::format("{}", value));
        }
        case GGUF_TYPE_FLOAT64: {
            const auto value = gguf_get_val_f64(gguf, id);
            return number_of(value, fmt::format("{}", value));
        }
        case GGUF_TYPE_BOOL: return gguf_get_val_bool(gguf, id);
        case GGUF_TYPE_STRING: {
            const std::string_view text = gguf_get_val_str(gguf, id);
            if (text.size() > longest_text) return std::nullopt;
            return json::value(clean(text));
        }
        default: return std::nullopt;
    }
}

template <class Number>
json::array numbers_in(const gguf_context* gguf, std::int64_t id) {
    const auto* data = static_cast<const Number*>(gguf_get_arr_data(gguf, id));
    json::array out;
    for (std::size_t i = 0; i < gguf_get_arr_n(gguf, id); ++i) {
        if constexpr (std::is_floating_point_v<Number>)
            out.push_back(number_of(data[i], fmt::format("{}", data[i])));
        else
            out.emplace_back(data[i]);
    }
    return out;
}

// nullopt: too long.
std::optional<json::value> array_at(const gguf_context* gguf, std::int64_t id) {
    const auto length = gguf_get_arr_n(gguf, id);
    if (length > longest_array) return json::object{{"elements", length}};
    switch (gguf_get_arr_type(gguf, id)) {
        case GGUF_TYPE_UINT8: return numbers_in<std::uint8_t>(gguf, id);
        case GGUF_TYPE_INT8: return numbers_in<std::int8_t>(gguf, id);
        case GGUF_TYPE_UINT16: return numbers_in<std::uint16_t>(gguf, id);
        case GGUF_TYPE_INT16: return numbers_in<std::int16_t>(gguf, id);
        case GGUF_TYPE_UINT32: return numbers_in<std::uint32_t>(gguf, id);
        case GGUF_TYPE_INT32: return numbers_in<std::int32_t>(gguf, id);
        case GGUF_TYPE_UINT64: return numbers_in<std::uint64_t>(gguf, id);
        case GGUF_TYPE_INT64: return numbers_in<std::int64_t>(gguf, id);
        case GGUF_TYPE_FLOAT32: return numbers_in<float>(gguf, id);
        case GGUF_TYPE_FLOAT64: return numbers_in<double>(gguf, id);
        case GGUF_TYPE_BOOL: {
            // A byte each, of which the file may hold any value.
            const auto* data = static_cast<const std::uint8_t*>(gguf_get_arr_data(gguf, id));
            json::array out;
            for (std::size_t i = 0; i < length; ++i) out.emplace_back(data[i] != 0);
            return out;
        }
        case GGUF_TYPE_STRING: {
            json::array out;
            std::size_t taken = 0;
            for (std::size_t i = 0; i < length; ++i) {
                const std::string_view text = gguf_get_arr_str(gguf, id, i);
                taken += text.size();
                if (taken > longest_text) return std::nullopt;
                out.emplace_back(clean(text));
            }
            return out;
        }
        default: return std::nullopt;
    }
}

std::optional<std::int64_t> integer_at(const gguf_context* gguf, const std::string& key) {
    const auto id = gguf_find_key(gguf, key.c_str());
    if (id < 0) return std::nullopt;
    const auto value = scalar_at(gguf, id);
    if (!value || !value->is_number()) return std::nullopt;
    const auto number = value->try_to_number<std::int64_t>();
    return number ? std::optional(*number) : std::nullopt;
}

// A number that counts something; 0 where the file does not say.
std::int64_t count_at(const gguf_context* gguf, const std::string& key) {
    return std::clamp<std::int64_t>(integer_at(gguf, key).value_or(0), 0, std::numeric_limits<std::int32_t>::max());
}

bool is_set(const gguf_context* gguf, const char* key) {
    const auto id = gguf_find_key(gguf, key);
    return id >= 0 && gguf_get_kv_type(gguf, id) == GGUF_TYPE_BOOL && gguf_get_val_bool(gguf, id);
}

// The engine finds the tokens that begin a text to be filled in by key or, in most files, by what they are called.
bool has_fim_tokens(const gguf_context* gguf) {
    for (const char* key : {"tokenizer.ggml.fim_pre_token_id", "tokenizer.ggml.prefix_token_id"})
        if (gguf_find_key(gguf, key) >= 0) return true;
    static constexpr std::array<std::string_view, 7> names = {
        "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>", "<|code_prefix|>"};
    const auto id = gguf_find_key(gguf, "tokenizer.ggml.tokens");
    if (id < 0 || gguf_get_kv_type(gguf, id) != GGUF_TYPE_ARRAY || gguf_get_arr_type(gguf, id) != GGUF_TYPE_STRING)
        return false;
    for (std::size_t i = 0; i < gguf_get_arr_n(gguf, id); ++i)
        if (std::ranges::contains(names, std::string_view(gguf_get_arr_str(gguf, id, i)))) return true;
    return false;
}

// "Q4_K", as file types are spelt; ggml's own names are partly in small letters.
std::string type_name(ggml_type type) {
    std::string name = ggml_type_name(type);
    std::ranges::transform(name, name.begin(), [](char c) { return c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c; });
    return name;
}

json::array shape_of(const gguf_context* gguf, std::int64_t tensor) {
    const auto* sides = gguf_get_tensor_ne(gguf, tensor);
    int dimensions = GGML_MAX_DIMS;
    while (dimensions > 1 && sides[dimensions - 1] == 1) --dimensions;
    return json::array(sides, sides + dimensions);
}

std::size_t values_in(const json::value& value) {
    std::size_t sum = 1;
    if (const auto* array = value.if_array(); array != nullptr)
        for (const auto& element : *array) sum += values_in(element);
    if (const auto* object = value.if_object(); object != nullptr)
        for (const auto& member : *object) sum += values_in(member.value());
    return sum;
}

// Writes what fits, and counts what does not.
class Sheet {
public:
    explicit Sheet(json::object& out) : out_(out) {}

    void add_metadata(const gguf_context* gguf, std::int64_t parameters) {
        std::map<std::string, json::value> sorted{{"general.parameter_count", parameters}};
        for (std::int64_t id = 0; id < gguf_get_n_kv(gguf); ++id) {
            const std::string key = gguf_get_key(gguf, id);
            if (key == template_key || sorted.contains(key)) continue;
            auto value = gguf_get_kv_type(gguf, id) == GGUF_TYPE_ARRAY ? array_at(gguf, id) : scalar_at(gguf, id);
            if (value && is_name(key) && fits(key.size(), *value))
                sorted.emplace(key, std::move(*value));
            else
                ++left_out_;
        }
        out_["metadata"] = json::object(sorted.begin(), sorted.end());
    }

    void add_tensors(const gguf_context* gguf) {
        json::array tensors;
        for (std::int64_t i = 0; i < gguf_get_n_tensors(gguf); ++i) {
            const std::string_view name = gguf_get_tensor_name(gguf, i);
            json::object tensor{
                {"name", name}, {"type", type_name(gguf_get_tensor_type(gguf, i))}, {"shape", shape_of(gguf, i)}};
            if (is_name(name) && fits(0, tensor))
                tensors.push_back(std::move(tensor));
            else
                ++left_out_;
        }
        out_["tensors"] = std::move(tensors);
    }

    void add_template(const gguf_context* gguf) {
        const auto text = clean(text_at(gguf, template_key));
        const bool shown = text.size() <= longest_template && fits(0, json::value(text));
        out_["chat_template"] = shown ? text : std::string{};
        left_out_ += shown ? 0 : 1;
    }

    void end() { out_["left_out"] = left_out_; }

private:
    // Charged are its text and what it takes in the reader's memory: a digit between commas becomes 24 bytes there.
    bool fits(std::size_t key, const json::value& value) {
        constexpr std::size_t punctuation = 8;
        const auto size = key + json::serialize(value).size() + punctuation + values_in(value) * sizeof(json::value);
        if (size > room_) return false;
        room_ -= size;
        return true;
    }

    json::object& out_;
    std::size_t room_ = most_printed - room_for_the_rest;
    std::int64_t left_out_ = 0;
};

std::optional<std::int64_t> parameters_in(const gguf_context* gguf) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < gguf_get_n_tensors(gguf); ++i) {
        std::int64_t product = 1;
        for (int side = 0; side < GGML_MAX_DIMS; ++side)
            if (__builtin_mul_overflow(product, gguf_get_tensor_ne(gguf, i)[side], &product)) return std::nullopt;
        if (__builtin_add_overflow(sum, product, &sum)) return std::nullopt;
    }
    return sum;
}

}  // namespace

namespace {

// As of a GGUF; its hyper-parameters under the names that their converter has for them.
Result<json::object> describe_whisper(const std::filesystem::path& path) {
    const auto file = read_whisper_file(path);
    if (!file) return std::unexpected(file.error());
    std::int64_t parameters = 0;
    json::array tensors;
    for (const auto& tensor : file->tensors) {
        std::int64_t values = 1;
        for (const auto side : tensor.shape) values *= side;
        parameters += values;
        if (is_name(tensor.name))
            tensors.push_back({{"name", tensor.name},
                               {"type", type_name(tensor.type)},
                               {"shape", json::array(tensor.shape.begin(), tensor.shape.end())}});
    }
    const auto left_out = file->tensors.size() - tensors.size();
    return json::object{{"architecture", "whisper"},
                        {"parameter_count", parameters},
                        {"quantisation", memory::quantisation_name(file->quantisation())},
                        {"context_length", file->text_context},
                        {"embedding_length", file->text_width},
                        {"pooling_type", nullptr},
                        {"is_projector", false},
                        {"sees", false},
                        {"hears", true},
                        {"has_fim_tokens", false},
                        {"chat_template", ""},
                        {"tensors", std::move(tensors)},
                        {"metadata",
                         {{"general.architecture", "whisper"},
                          {"general.parameter_count", parameters},
                          {"whisper.n_audio_ctx", file->sound_context},
                          {"whisper.n_audio_head", file->sound_heads},
                          {"whisper.n_audio_layer", file->sound_layers},
                          {"whisper.n_audio_state", file->sound_width},
                          {"whisper.n_mels", file->mels},
                          {"whisper.n_text_ctx", file->text_context},
                          {"whisper.n_text_head", file->text_heads},
                          {"whisper.n_text_layer", file->text_layers},
                          {"whisper.n_text_state", file->text_width},
                          {"whisper.n_vocab", file->vocabulary}}},
                        {"left_out", left_out}};
}

}  // namespace

Result<json::object> describe_file(const std::filesystem::path& path) {
    if (is_whisper_file(path)) return describe_whisper(path);
    const auto opened = open_gguf(path);
    if (!opened) return std::unexpected(opened.error());
    const auto* gguf = opened->get();
    const auto architecture = text_at(gguf, "general.architecture");
    if (!is_name(architecture)) return fail(Code::corrupt_file, fmt::format("{} names no architecture", path.string()));
    const auto parameters = parameters_in(gguf);
    if (!parameters)
        return fail(Code::corrupt_file,
                    fmt::format("{} has tensors of more values than can be counted", path.string()));

    const auto file_type = integer_at(gguf, "general.file_type");
    const auto pooling = integer_at(gguf, architecture + ".pooling_type");
    const bool projects = architecture == "clip";
    const bool hears = is_set(gguf, "clip.has_audio_encoder");
    json::object out{{"architecture", architecture},
                     {"parameter_count", *parameters},
                     {"quantisation", memory::quantisation_name(file_type.value_or(-1))},
                     {"context_length", count_at(gguf, architecture + ".context_length")},
                     {"embedding_length", count_at(gguf, architecture + ".embedding_length")},
                     {"pooling_type", pooling ? json::value(*pooling) : json::value(nullptr)},
                     {"is_projector", projects},
                     // Older projectors do not say what they see: pictures.
                     {"sees", is_set(gguf, "clip.has_vision_encoder") || (projects && !hears)},
                     {"hears", hears},
                     {"has_fim_tokens", has_fim_tokens(gguf)}};
    Sheet sheet(out);
    sheet.add_template(gguf);
    sheet.add_tensors(gguf);
    sheet.add_metadata(gguf, *parameters);
    sheet.end();
    return out;
}

}  // namespace sarai::measure
