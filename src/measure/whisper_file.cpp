#include "whisper_file.hpp"

#include <array>
#include <cerrno>
#include <fstream>
#include <optional>
#include <system_error>

#include <fmt/format.h>

#include "model_file.hpp"

namespace sarai::measure {
namespace {

constexpr std::uint32_t magic = 0x67676d6c;

// Far beyond what any whisper has ("large": 51866 texts, 1280 wide, 32 layers), so that what is multiplied stays small.
constexpr std::int32_t most_texts = 1 << 20;
constexpr std::int32_t most_wide = 1 << 14;
constexpr std::int32_t most_layers = 256;
constexpr std::int32_t longest_token = 1 << 12;  // bytes
constexpr std::size_t longest_name = 256;        // of a tensor

class Reader {
public:
    Reader(const std::filesystem::path& path, std::uint64_t size)
        : stream_(path, std::ios::binary), path_(path), size_(size) {}

    [[nodiscard]] bool open() const { return stream_.is_open(); }
    [[nodiscard]] bool at_end() const { return at_ == size_; }
    [[nodiscard]] std::uint64_t at() const { return at_; }

    // nullopt: the file ends before.
    template <class Number>
    std::optional<Number> number() {
        Number value{};
        if (!take(sizeof value)) return std::nullopt;
        stream_.read(reinterpret_cast<char*>(&value), sizeof value);
        return value;
    }
    std::optional<std::string> text(std::size_t length) {
        std::string value(length, '\0');
        if (!take(length)) return std::nullopt;
        stream_.read(value.data(), static_cast<std::streamsize>(length));
        return value;
    }
    bool skip(std::uint64_t count) {
        if (!take(count)) return false;
        stream_.seekg(static_cast<std::streamoff>(at_));
        return true;
    }

    [[nodiscard]] std::unexpected<Error> truncated(std::string_view where) const {
        return fail(Code::corrupt_file, fmt::format("{} is truncated: it ends in {}", path_.string(), where),
                    "Download it again.");
    }
    [[nodiscard]] std::unexpected<Error> damaged(const std::string& what) const {
        return fail(Code::corrupt_file, fmt::format("{} is damaged: {}", path_.string(), what), "Download it again.");
    }

private:
    bool take(std::uint64_t count) {
        if (count > size_ - at_) return false;
        at_ += count;
        return true;
    }

    std::ifstream stream_;
    std::filesystem::path path_;
    std::uint64_t size_;
    std::uint64_t at_ = 0;
};

Result<void> read_parameters(Reader& reader, WhisperFile& file) {
    struct Row {
        std::int32_t& into;
        const char* name;
        std::int32_t most;
    };
    for (const auto& [into, name, most] :
         {Row{file.vocabulary, "n_vocab", most_texts}, Row{file.sound_context, "n_audio_ctx", most_wide},
          Row{file.sound_width, "n_audio_state", most_wide}, Row{file.sound_heads, "n_audio_head", most_layers},
          Row{file.sound_layers, "n_audio_layer", most_layers}, Row{file.text_context, "n_text_ctx", most_wide},
          Row{file.text_width, "n_text_state", most_wide}, Row{file.text_heads, "n_text_head", most_layers},
          Row{file.text_layers, "n_text_layer", most_layers}, Row{file.mels, "n_mels", most_layers},
          Row{file.file_type, "ftype", most_texts}}) {
        const auto value = reader.number<std::int32_t>();
        if (!value) return reader.truncated("its hyper-parameters");
        const bool may_be_zero = &into == &file.file_type;
        if (*value > most || *value < (may_be_zero ? 0 : 1))
            return reader.damaged(fmt::format("{} is {}", name, *value));
        into = *value;
    }
    // The engine divides by the heads, and takes both widths for one.
    if (file.text_width != file.sound_width || file.text_width % file.text_heads != 0 ||
        file.sound_width % file.sound_heads != 0)
        return reader.damaged(fmt::format("widths of {} and {} with {} and {} heads", file.sound_width, file.text_width,
                                          file.sound_heads, file.text_heads));
    return {};
}

Result<void> read_filters(Reader& reader, WhisperFile& file) {
    const auto mels = reader.number<std::int32_t>();
    const auto spectrum = reader.number<std::int32_t>();
    if (!mels || !spectrum) return reader.truncated("its mel filters");
    // 201: half of a window of 400 samples, and one.
    if (*mels != file.mels || *spectrum != 201)
        return reader.damaged(
            fmt::format("its mel filters are {} × {}; expected {} × 201", *mels, *spectrum, file.mels));
    if (!reader.skip(std::uint64_t{4} * 201 * static_cast<std::uint64_t>(*mels)))
        return reader.truncated("its mel filters");
    return {};
}

Result<void> read_vocabulary(Reader& reader, WhisperFile& file) {
    const auto texts = reader.number<std::int32_t>();
    if (!texts) return reader.truncated("its vocabulary");
    if (*texts < 1 || *texts > file.vocabulary)
        return reader.damaged(fmt::format("its vocabulary has {} texts; expected 1 to {}", *texts, file.vocabulary));
    for (std::int32_t i = 0; i < *texts; ++i) {
        const auto length = reader.number<std::int32_t>();
        if (!length) return reader.truncated("its vocabulary");
        if (*length < 0 || *length > longest_token)
            return reader.damaged(fmt::format("text {} of its vocabulary has {} bytes", i, *length));
        if (!reader.text(static_cast<std::size_t>(*length))) return reader.truncated("its vocabulary");
    }
    return {};
}

Result<void> read_tensor(Reader& reader, WhisperFile& file) {
    const auto sides = reader.number<std::int32_t>();
    const auto length = reader.number<std::int32_t>();
    const auto type = reader.number<std::int32_t>();
    if (!sides || !length || !type) return reader.truncated(fmt::format("tensor {}", file.tensors.size()));
    if (*sides < 1 || *sides > 4 || *length < 1 || *length > static_cast<std::int32_t>(longest_name) || *type < 0 ||
        *type >= GGML_TYPE_COUNT || ggml_blck_size(static_cast<ggml_type>(*type)) < 1)
        return reader.damaged(fmt::format("tensor {} has {} sides, a name of {} bytes and type {}", file.tensors.size(),
                                          *sides, *length, *type));
    WhisperTensor tensor{.type = static_cast<ggml_type>(*type)};
    std::uint64_t values = 1;
    for (std::int32_t i = 0; i < *sides; ++i) {
        const auto side = reader.number<std::int32_t>();
        if (!side) return reader.truncated(fmt::format("tensor {}", file.tensors.size()));
        if (*side < 1 || __builtin_mul_overflow(values, static_cast<std::uint64_t>(*side), &values) ||
            values > (std::uint64_t{1} << 40))
            return reader.damaged(fmt::format("a side of tensor {} is {}", file.tensors.size(), *side));
        tensor.shape.push_back(*side);
    }
    auto name = reader.text(static_cast<std::size_t>(*length));
    if (!name) return reader.truncated(fmt::format("tensor {}", file.tensors.size()));
    tensor.name = std::move(*name);
    const auto block = static_cast<std::uint64_t>(ggml_blck_size(tensor.type));
    if (static_cast<std::uint64_t>(tensor.shape.front()) % block != 0)
        return reader.damaged(fmt::format("rows of tensor {} have {} values, which are no whole blocks",
                                          file.tensors.size(), tensor.shape.front()));
    tensor.begin = reader.at();
    tensor.size = values / block * ggml_type_size(tensor.type);
    if (!reader.skip(tensor.size)) return reader.truncated(fmt::format("tensor {}", file.tensors.size()));
    file.tensors.push_back(std::move(tensor));
    return {};
}

}  // namespace

bool is_whisper_file(const std::filesystem::path& path) {
    std::error_code ignored;
    if (!std::filesystem::is_regular_file(path, ignored)) return false;  // reading a pipe would wait
    std::ifstream stream(path, std::ios::binary);
    std::uint32_t first = 0;
    stream.read(reinterpret_cast<char*>(&first), sizeof first);
    return stream && first == magic;
}

Result<WhisperFile> read_whisper_file(const std::filesystem::path& path) {
    const auto size = size_of_file(path);
    if (!size) return std::unexpected(size.error());
    Reader reader(path, static_cast<std::uint64_t>(size->count));
    if (!reader.open())
        return fail(Code::io, fmt::format("cannot read {}", path.string()),
                    std::error_code(errno, std::generic_category()));
    if (reader.number<std::uint32_t>() != magic)
        return fail(Code::corrupt_file, fmt::format("{} is not a file of whisper.cpp", path.string()),
                    "backend whisper needs one such as ggml-base.bin, which is no GGUF.");
    WhisperFile file;
    for (const auto read : {&read_parameters, &read_filters, &read_vocabulary})
        if (auto done = read(reader, file); !done) return std::unexpected(done.error());
    while (!reader.at_end())
        if (auto read = read_tensor(reader, file); !read) return std::unexpected(read.error());
    const auto expected =
        11 + 15 * static_cast<std::size_t>(file.sound_layers) + 24 * static_cast<std::size_t>(file.text_layers);
    if (file.tensors.size() != expected)
        return fail(
            Code::corrupt_file,
            fmt::format("{} is truncated: it has {} of {} tensors", path.string(), file.tensors.size(), expected),
            "Download it again.");
    return file;
}

}  // namespace sarai::measure
