#include "writer.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "noise.hpp"

namespace synth {
namespace {

using sarai::Bytes;
using sarai::Code;
using sarai::Result;

// A file that has its name only once it is complete.
class Draft {
public:
    explicit Draft(const std::filesystem::path& file) : file_(file), name_(file.string() + ".XXXXXX") {
        descriptor_ = ::mkostemp(name_.data(), O_CLOEXEC);
        if (descriptor_ < 0) error_ = errno;
    }
    ~Draft() {
        if (descriptor_ < 0) return;
        ::close(descriptor_);
        ::unlink(name_.c_str());
    }
    Draft(const Draft&) = delete;
    Draft& operator=(const Draft&) = delete;

    bool write(std::span<const std::byte> bytes) {
        while (error_ == 0 && !bytes.empty()) {
            const auto count = ::write(descriptor_, bytes.data(), bytes.size());
            if (count < 0 && errno == EINTR) continue;
            if (count < 0)
                error_ = errno;
            else
                bytes = bytes.subspan(static_cast<std::size_t>(count));
        }
        return error_ == 0;
    }
    bool publish() {
        const mode_t mask = ::umask(0);
        ::umask(mask);
        if (error_ == 0 && ::fchmod(descriptor_, 0666 & ~mask) != 0) error_ = errno;
        if (error_ == 0 && ::fsync(descriptor_) != 0) error_ = errno;
        if (error_ == 0 && ::rename(name_.c_str(), file_.c_str()) != 0) error_ = errno;
        if (error_ != 0) return false;
        ::close(std::exchange(descriptor_, -1));
        return true;
    }
    [[nodiscard]] auto failure() const {
        return sarai::fail(Code::io, "cannot write " + file_.string(),
                           std::error_code(error_, std::generic_category()));
    }

private:
    std::filesystem::path file_;
    std::string name_;
    int descriptor_ = -1;
    int error_ = 0;
};

// Collects rows into writes of a megabyte.
class Stream {
public:
    Stream(Draft& draft, const Progress& progress, Bytes all) : draft_(draft), progress_(progress), all_(all) {
        buffer_.reserve(limit);
    }
    std::span<std::byte> reserve(std::size_t count) {
        if (buffer_.size() + count > limit) flush();
        buffer_.resize(buffer_.size() + count);
        return std::span(buffer_).last(count);
    }
    bool flush() {
        const bool good = draft_.write(buffer_);
        done_ += Bytes{static_cast<std::int64_t>(buffer_.size())};
        buffer_.clear();
        if (good && progress_) progress_(done_, all_);
        return good;
    }

private:
    static constexpr std::size_t limit = 1 << 20;
    Draft& draft_;
    const Progress& progress_;
    Bytes all_;
    Bytes done_;
    std::vector<std::byte> buffer_;
};

void fill_row(std::span<std::byte> row, const Tensor& tensor, float deviation, Noise& noise, Random& random) {
    if (!tensor.constant) {
        noise.fill(row, tensor.type, deviation, random);
        return;
    }
    for (std::size_t at = 0; at < row.size(); at += sizeof tensor.value) {
        std::memcpy(row.data() + at, &tensor.value, sizeof tensor.value);
    }
}

std::uint64_t hash(std::string_view text) {  // FNV-1a
    std::uint64_t value = 0xcbf29ce484222325ULL;
    for (const unsigned char c : text) value = (value ^ c) * 0x100000001b3ULL;
    return value;
}

// Everything before the tensors, and each tensor's place among them.
struct Layout {
    std::string head;
    std::function<std::string(const Tensor&)> before = [](const Tensor&) { return std::string(); };
    std::size_t alignment = 1;  // of the bytes behind it
};

Layout gguf_layout(const Model& model) {
    const auto& tensors = model.tensors();
    const ggml_init_params parameters{.mem_size = (tensors.size() + 1) * ggml_tensor_overhead(), .no_alloc = true};
    const std::unique_ptr<ggml_context, decltype(&ggml_free)> shapes(ggml_init(parameters), &ggml_free);
    for (const auto& tensor : tensors) {
        auto* shape =
            ggml_new_tensor(shapes.get(), tensor.type, static_cast<int>(tensor.shape.size()), tensor.shape.data());
        ggml_set_name(shape, tensor.name.c_str());
        gguf_add_tensor(model.metadata(), shape);
    }
    Layout layout{.head = std::string(gguf_get_meta_size(model.metadata()), '\0'), .alignment = GGUF_DEFAULT_ALIGNMENT};
    gguf_get_meta_data(model.metadata(), layout.head.data());
    return layout;
}

// Number of sides, length of the name, type, sides, name: 32 bits each.
std::string whisper_tensor(const Tensor& tensor) {
    std::vector<std::int32_t> numbers{static_cast<std::int32_t>(tensor.shape.size()),
                                      static_cast<std::int32_t>(tensor.name.size()), tensor.type};
    for (const auto side : tensor.shape) numbers.push_back(static_cast<std::int32_t>(side));
    std::string out(numbers.size() * sizeof(std::int32_t), '\0');
    std::memcpy(out.data(), numbers.data(), out.size());
    return out + tensor.name;
}

std::size_t rows_of(const Tensor& tensor) {
    std::size_t rows = 1;
    for (std::size_t axis = 1; axis < tensor.shape.size(); ++axis) rows *= static_cast<std::size_t>(tensor.shape[axis]);
    return rows;
}

}  // namespace

Result<Bytes> write(const Model& model, const std::filesystem::path& file, const Progress& progress) {
    const auto layout =
        model.whisper_head.empty() ? gguf_layout(model) : Layout{.head = model.whisper_head, .before = &whisper_tensor};
    std::size_t all = 0;
    for (const auto& tensor : model.tensors())
        all += layout.before(tensor).size() +
               GGML_PAD(rows_of(tensor) * ggml_row_size(tensor.type, tensor.shape[0]), layout.alignment);

    Draft draft(file);
    if (!draft.write(std::as_bytes(std::span(layout.head)))) return draft.failure();
    Stream stream(draft, progress, Bytes{static_cast<std::int64_t>(all)});
    Noise noise(model.request().seed);
    for (const auto& tensor : model.tensors()) {
        // Each tensor has its own sequence, so that adding one leaves the others as they are.
        Random random(model.request().seed ^ hash(tensor.name));
        const auto before = layout.before(tensor);
        std::ranges::copy(std::as_bytes(std::span(before)), stream.reserve(before.size()).begin());
        const std::size_t row_size = ggml_row_size(tensor.type, tensor.shape[0]);
        const auto rows = rows_of(tensor);
        for (std::size_t row = 0; row < rows; ++row) {
            const float strength = tensor.by_token ? model.token_strength[row] : 1;
            fill_row(stream.reserve(row_size), tensor, tensor.value * strength, noise, random);
        }
        const auto size = row_size * rows;
        std::ranges::fill(stream.reserve(GGML_PAD(size, layout.alignment) - size), std::byte{0});
        if (!stream.flush()) return draft.failure();
    }
    if (!draft.publish()) return draft.failure();
    return Bytes{static_cast<std::int64_t>(layout.head.size() + all)};
}

}  // namespace synth
