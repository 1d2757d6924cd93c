#include "router/weights.hpp"

#include <fmt/format.h>
#include <gguf.h>

#include <algorithm>
#include <cmath>
#include <cstring>

namespace sarai::router {
namespace {

constexpr std::string_view architecture = "sarai-trm";
// Raised when features or the network change in a way that older weights do not know of.
constexpr std::uint32_t version = 2;

struct FreeGguf {
    void operator()(gguf_context* context) const { gguf_free(context); }
};
using Gguf = std::unique_ptr<gguf_context, FreeGguf>;

struct TensorFormat {
    std::string name;
    ggml_type type;
    std::int64_t in, out;
};

// The network's matrices in Q8_0; its vectors, and the heads, which are few, as they are.
std::vector<TensorFormat> formats_of(const Shape& shape) {
    std::vector<TensorFormat> formats{{"keys", GGML_TYPE_I32, shape.rows, 1},
                                      {"rarity", GGML_TYPE_F16, shape.rows, 1},
                                      {"importance", GGML_TYPE_F16, shape.rows, 1},
                                      {"embedding", GGML_TYPE_Q8_0, shape.width, shape.rows},
                                      {"linear", GGML_TYPE_F16, std::ssize(all_labels), shape.rows}};
    for (auto& tensor : network_tensors(shape)) {
        const bool exact = tensor.out == 1 || tensor.name.starts_with("head.");
        formats.push_back({std::move(tensor.name), exact ? GGML_TYPE_F32 : GGML_TYPE_Q8_0, tensor.in, tensor.out});
    }
    return formats;
}

std::string key(std::string_view name) { return fmt::format("{}.{}", architecture, name); }

std::vector<std::byte> encode(const TensorFormat& format, const float* values) {
    const auto count = format.in * format.out;
    std::vector<std::byte> bytes(ggml_row_size(format.type, format.in) * static_cast<std::size_t>(format.out));
    if (format.type == GGML_TYPE_F16)
        ggml_fp32_to_fp16_row(values, reinterpret_cast<ggml_fp16_t*>(bytes.data()), count);
    else if (format.type == GGML_TYPE_Q8_0)
        ggml_quantize_chunk(format.type, values, bytes.data(), 0, format.out, format.in, nullptr);
    else
        std::memcpy(bytes.data(), values, bytes.size());
    return bytes;
}

struct Reader {
    gguf_context* file;
    std::string_view name;

    [[nodiscard]] std::unexpected<Error> wrong(std::string_view what) const {
        return fail(Code::corrupt_file, fmt::format("{}: {}", name, what), "Weights are made by `sarai router train`.");
    }
    [[nodiscard]] std::int64_t find(std::string_view what, gguf_type type) const {
        const auto id = gguf_find_key(file, key(what).c_str());
        return id >= 0 && gguf_get_kv_type(file, id) == type ? id : -1;
    }
    Result<void> integer(std::string_view what, int& into) const {
        const auto id = find(what, GGUF_TYPE_UINT32);
        if (id < 0) return wrong(fmt::format("{} is missing, expected a whole number", key(what)));
        into = static_cast<int>(std::min<std::uint32_t>(gguf_get_val_u32(file, id), 1U << 30U));
        return {};
    }
    Result<void> number(std::string_view what, float& into) const {
        const auto id = find(what, GGUF_TYPE_FLOAT32);
        if (id < 0 || !std::isfinite(gguf_get_val_f32(file, id)))
            return wrong(fmt::format("{} is missing, expected a number", key(what)));
        into = gguf_get_val_f32(file, id);
        return {};
    }
    Result<void> numbers(std::string_view what, std::span<float> into) const {
        const auto id = find(what, GGUF_TYPE_ARRAY);
        if (id < 0 || gguf_get_arr_type(file, id) != GGUF_TYPE_FLOAT32 || gguf_get_arr_n(file, id) != into.size())
            return wrong(fmt::format("{} is missing, expected {} numbers", key(what), into.size()));
        std::memcpy(into.data(), gguf_get_arr_data(file, id), into.size_bytes());
        if (!std::ranges::all_of(into, [](float value) { return std::isfinite(value); }))
            return wrong(fmt::format("{} is not finite", key(what)));
        return {};
    }
};

}  // namespace

Result<void> write_weights(const TrainedModel& model, const std::filesystem::path& path) {
    const Gguf file(gguf_init_empty());
    const auto integer = [&](std::string_view name, std::int64_t value) {
        gguf_set_val_u32(file.get(), key(name).c_str(), static_cast<std::uint32_t>(value));
    };
    gguf_set_val_str(file.get(), "general.architecture", std::string(architecture).c_str());
    gguf_set_val_str(file.get(), "general.name", model.name.c_str());
    integer("version", version);
    integer("rows", model.shape.rows);
    integer("width", model.shape.width);
    integer("state", model.shape.state);
    integer("hidden", model.shape.hidden);
    integer("cycles", model.shape.cycles);
    integer("steps", model.shape.steps);
    integer("texts", model.texts);
    gguf_set_val_u64(file.get(), key("seed").c_str(), model.seed);
    gguf_set_val_f32(file.get(), key("unseen_rarity").c_str(), model.vocabulary.unseen_rarity);
    gguf_set_val_f32(file.get(), key("familiar_enough").c_str(), model.calibration.familiar_enough);
    gguf_set_arr_data(file.get(), key("calibration.slope").c_str(), GGUF_TYPE_FLOAT32, model.calibration.slope.data(),
                      head_count);
    gguf_set_arr_data(file.get(), key("calibration.offset").c_str(), GGUF_TYPE_FLOAT32, model.calibration.offset.data(),
                      head_count);
    gguf_set_arr_data(file.get(), key("linear.bias").c_str(), GGUF_TYPE_FLOAT32, model.linear_bias.data(),
                      model.linear_bias.size());

    const auto formats = formats_of(model.shape);
    const Context context(ggml_init(
        {.mem_size = (formats.size() + 1) * ggml_tensor_overhead(), .mem_buffer = nullptr, .no_alloc = true}));
    std::vector<std::vector<std::byte>> data;
    for (std::size_t i = 0; i < formats.size(); ++i) {
        const auto* values = i == 0   ? reinterpret_cast<const float*>(model.vocabulary.keys.data())
                             : i == 1 ? model.vocabulary.rarity.data()
                             : i == 2 ? model.importance.data()
                             : i == 3 ? model.embedding.data()
                             : i == 4 ? model.linear.front().data()
                                      : model.network[i - 5].data();
        data.push_back(encode(formats[i], values));
        auto* tensor = ggml_new_tensor_2d(context.get(), formats[i].type, formats[i].in, formats[i].out);
        ggml_set_name(tensor, formats[i].name.c_str());
        gguf_add_tensor(file.get(), tensor);
        gguf_set_tensor_data(file.get(), formats[i].name.c_str(), data.back().data());
    }
    // Beside its place first: a full disk leaves no half of a file there.
    auto partial = path;
    partial += ".partial";
    std::error_code error;
    if (!gguf_write_to_file(file.get(), partial.c_str(), false)) {
        std::filesystem::remove(partial, error);
        return fail(Code::io, fmt::format("cannot write {}", path.string()));
    }
    std::filesystem::rename(partial, path, error);
    if (error) return fail(Code::io, fmt::format("cannot write {}", path.string()), error);
    return {};
}

Result<Weights> read_weights(std::span<const std::byte> bytes, std::string_view name) {
    const Gguf file(gguf_init_from_buffer(bytes.data(), bytes.size(), {.no_alloc = true, .ctx = nullptr}));
    const Reader reader{.file = file.get(), .name = name};
    if (!file) return reader.wrong("no GGUF file, or a damaged one");
    const auto kind = gguf_find_key(file.get(), "general.architecture");
    if (kind < 0 || gguf_get_kv_type(file.get(), kind) != GGUF_TYPE_STRING ||
        gguf_get_val_str(file.get(), kind) != architecture)
        return fail(Code::unsupported, fmt::format("{}: general.architecture is not \"{}\"", name, architecture),
                    "Weights are made by `sarai router train`.");
    Weights made;
    int found_version = 0;
    for (const auto& [field, into] : {std::pair{"version", &found_version},
                                      {"rows", &made.shape.rows},
                                      {"width", &made.shape.width},
                                      {"state", &made.shape.state},
                                      {"hidden", &made.shape.hidden},
                                      {"cycles", &made.shape.cycles},
                                      {"steps", &made.shape.steps}})
        if (const auto read = reader.integer(field, *into); !read) return std::unexpected(read.error());
    if (found_version != version)
        return fail(Code::unsupported,
                    fmt::format("{}: weights of version {}, this program reads {}", name, found_version, version),
                    "Train them again with this program.");
    if (const auto possible = check(made.shape); !possible) return reader.wrong(possible.error().message);
    for (const auto& [field, into] :
         {std::pair{"unseen_rarity", &made.unseen_rarity}, {"familiar_enough", &made.calibration.familiar_enough}})
        if (const auto read = reader.number(field, *into); !read) return std::unexpected(read.error());
    for (const auto& [field, into] : {std::pair{"calibration.slope", std::span<float>(made.calibration.slope)},
                                      {"calibration.offset", std::span<float>(made.calibration.offset)},
                                      {"linear.bias", std::span<float>(made.linear_bias)}})
        if (const auto read = reader.numbers(field, into); !read) return std::unexpected(read.error());
    if (const auto id = gguf_find_key(file.get(), "general.name");
        id >= 0 && gguf_get_kv_type(file.get(), id) == GGUF_TYPE_STRING)
        made.name = gguf_get_val_str(file.get(), id);

    std::vector<TensorView> views;
    for (const auto& format : formats_of(made.shape)) {
        const auto id = gguf_find_tensor(file.get(), format.name.c_str());
        if (id < 0) return reader.wrong(fmt::format("tensor {} is missing", format.name));
        const auto* size = gguf_get_tensor_ne(file.get(), id);
        if (gguf_get_tensor_type(file.get(), id) != format.type || size[0] != format.in || size[1] != format.out ||
            size[2] != 1)
            return reader.wrong(fmt::format("tensor {} is {} of {} × {}, expected {} of {} × {}", format.name,
                                            ggml_type_name(gguf_get_tensor_type(file.get(), id)), size[0], size[1],
                                            ggml_type_name(format.type), format.in, format.out));
        const auto begin = gguf_get_data_offset(file.get()) + gguf_get_tensor_offset(file.get(), id);
        const auto length = ggml_row_size(format.type, format.in) * static_cast<std::size_t>(format.out);
        if (begin > bytes.size() || bytes.size() - begin < length)
            return reader.wrong(fmt::format("tensor {} goes beyond the file's end", format.name));
        if (begin % 4 != 0) return reader.wrong(fmt::format("tensor {} is not aligned", format.name));
        views.push_back({.type = format.type, .data = bytes.data() + begin});
    }
    const auto rows = static_cast<std::size_t>(made.shape.rows);
    made.keys = {static_cast<const std::uint32_t*>(views[0].data), rows};
    if (!std::ranges::contains(made.keys, 0U)) return reader.wrong("tensor keys has no empty place");
    made.rarity = {static_cast<const std::uint16_t*>(views[1].data), rows};
    made.importance = {static_cast<const std::uint16_t*>(views[2].data), rows};
    made.embedding = {static_cast<const Block*>(views[3].data), rows * static_cast<std::size_t>(made.shape.width) / 32};
    made.linear = {static_cast<const std::uint16_t*>(views[4].data), rows * all_labels.size()};
    made.network.assign(views.begin() + 5, views.end());
    return made;
}

}  // namespace sarai::router
