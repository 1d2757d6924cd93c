#include "writer.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
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

}  // namespace

Result<Bytes> write(const Model& model, const std::filesystem::path& file, const Progress& progress) {
    const auto& tensors = model.tensors();
    const ggml_init_params parameters{.mem_size = (tensors.size() + 1) * ggml_tensor_overhead(), .no_alloc = true};
    const std::unique_ptr<ggml_context, decltype(&ggml_free)> shapes(ggml_init(parameters), &ggml_free);
    std::int64_t all = 0;
    for (const auto& tensor : tensors) {
        auto* shape =
            ggml_new_tensor(shapes.get(), tensor.type, static_cast<int>(tensor.shape.size()), tensor.shape.data());
        ggml_set_name(shape, tensor.name.c_str());
        gguf_add_tensor(model.metadata(), shape);
        all += static_cast<std::int64_t>(GGML_PAD(ggml_nbytes(shape), GGUF_DEFAULT_ALIGNMENT));
    }
    std::vector<std::byte> metadata(gguf_get_meta_size(model.metadata()));
    gguf_get_meta_data(model.metadata(), metadata.data());

    Draft draft(file);
    if (!draft.write(metadata)) return draft.failure();
    Stream stream(draft, progress, Bytes{all});
    Noise noise(model.request().seed);
    for (const auto& tensor : tensors) {
        // Each tensor has its own sequence, so that adding one leaves the others as they are.
        Random random(model.request().seed ^ hash(tensor.name));
        const std::size_t row_size = ggml_row_size(tensor.type, tensor.shape[0]);
        std::int64_t rows = 1;
        for (std::size_t axis = 1; axis < tensor.shape.size(); ++axis) rows *= tensor.shape[axis];
        for (std::int64_t row = 0; row < rows; ++row) {
            const float strength = tensor.by_token ? model.token_strength[static_cast<std::size_t>(row)] : 1;
            fill_row(stream.reserve(row_size), tensor, tensor.value * strength, noise, random);
        }
        const auto size = row_size * static_cast<std::size_t>(rows);
        std::ranges::fill(stream.reserve(GGML_PAD(size, GGUF_DEFAULT_ALIGNMENT) - size), std::byte{0});
        if (!stream.flush()) return draft.failure();
    }
    if (!draft.publish()) return draft.failure();
    return Bytes{static_cast<std::int64_t>(metadata.size()) + all};
}

}  // namespace synth
