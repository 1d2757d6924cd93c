#include "product.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

namespace train_demo {
namespace {

// A tile of the result is kept in registers while its sums grow: two vectors wide, this many columns.
constexpr std::size_t columns = 6;

// `a` holds `depth` rows of the tile's width, `b` as many of `columns`; a column's sums go `stride` floats after the
// one before.
template <class Vector>
[[gnu::always_inline]] inline void add_up(const float* a, const float* b, std::size_t depth, float* out,
                                          std::size_t stride) {
    constexpr std::size_t lanes = sizeof(Vector) / sizeof(float);
    Vector sums[columns][2] = {};  // in registers
    for (std::size_t k = 0; k < depth; ++k, a += 2 * lanes, b += columns) {
        Vector low, high;
        std::memcpy(&low, a, sizeof low);
        std::memcpy(&high, a + lanes, sizeof high);
#pragma GCC unroll 6
        for (std::size_t j = 0; j < columns; ++j) {
            sums[j][0] += low * b[j];
            sums[j][1] += high * b[j];
        }
    }
    for (std::size_t j = 0; j < columns; ++j) std::memcpy(out + j * stride, sums[j], sizeof sums[j]);
}

template <std::size_t bytes>
struct VectorOf {
    typedef float Type [[gnu::vector_size(bytes)]];
};

using Tile = void (*)(const float* a, const float* b, std::size_t depth, float* out, std::size_t stride);
[[gnu::target("avx512f")]] void tile_avx512(const float* a, const float* b, std::size_t depth, float* out,
                                            std::size_t stride) {
    add_up<VectorOf<64>::Type>(a, b, depth, out, stride);
}
[[gnu::target("avx2,fma")]] void tile_avx2(const float* a, const float* b, std::size_t depth, float* out,
                                           std::size_t stride) {
    add_up<VectorOf<32>::Type>(a, b, depth, out, stride);
}
void tile_sse2(const float* a, const float* b, std::size_t depth, float* out, std::size_t stride) {
    add_up<VectorOf<16>::Type>(a, b, depth, out, stride);
}

struct Kernel {
    Tile tile;
    std::size_t width;
};
Kernel choose() {
    if (__builtin_cpu_supports("avx512f")) return {.tile = tile_avx512, .width = 32};
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {.tile = tile_avx2, .width = 16};
    return {.tile = tile_sse2, .width = 8};
}

struct Matrix {
    const char* data;
    std::size_t depth, count;                // k, m or n
    std::size_t depth_stride, count_stride;  // bytes
};

Matrix matrix_of(const ggml_tensor* tensor, std::int64_t i2, std::int64_t i3) {
    return {.data = static_cast<const char*>(tensor->data) + static_cast<std::size_t>(i2) * tensor->nb[2] +
                    static_cast<std::size_t>(i3) * tensor->nb[3],
            .depth = static_cast<std::size_t>(tensor->ne[0]),
            .count = static_cast<std::size_t>(tensor->ne[1]),
            .depth_stride = tensor->nb[0],
            .count_stride = tensor->nb[1]};
}

// Strips of `width`, within them depth by depth; zeros beyond the matrix.
void lay_out(const Matrix& from, std::size_t width, std::vector<float>& strips) {
    const auto count = (from.count + width - 1) / width;
    strips.resize(count * width * from.depth);
    const auto at = [&](std::size_t k, std::size_t i) {
        float value = 0;
        std::memcpy(&value, from.data + k * from.depth_stride + i * from.count_stride, sizeof value);
        return value;
    };
    for (std::size_t strip = 0; strip < count; ++strip) {
        auto* into = strips.data() + strip * width * from.depth;
        const auto first = strip * width;
        const auto there = std::min(width, from.count - first);
        if (there < width) std::fill_n(into, width * from.depth, 0.0F);
        // Along what lies together in memory.
        if (from.count_stride == sizeof(float))
            for (std::size_t k = 0; k < from.depth; ++k)
                std::memcpy(into + k * width, from.data + k * from.depth_stride + first * sizeof(float),
                            there * sizeof(float));
        else
            for (std::size_t i = 0; i < there; ++i)
                for (std::size_t k = 0; k < from.depth; ++k) into[k * width + i] = at(k, first + i);
    }
}

void multiply(const Kernel& kernel, const Matrix& a, const Matrix& b, float* out) {
    thread_local std::vector<float> of_a, of_b;
    lay_out(a, kernel.width, of_a);
    lay_out(b, columns, of_b);
    std::array<float, 32 * columns> tile{};
    for (std::size_t i = 0; i < a.count; i += kernel.width)
        for (std::size_t j = 0; j < b.count; j += columns) {
            const auto* rows = of_a.data() + i * a.depth;
            const auto* beside = of_b.data() + j * a.depth;
            auto* corner = out + j * a.count + i;
            if (i + kernel.width <= a.count && j + columns <= b.count) {
                kernel.tile(rows, beside, a.depth, corner, a.count);
                continue;
            }
            kernel.tile(rows, beside, a.depth, tile.data(), kernel.width);
            for (std::size_t column = 0; column < std::min(columns, b.count - j); ++column)
                std::memcpy(corner + column * a.count, tile.data() + column * kernel.width,
                            std::min(kernel.width, a.count - i) * sizeof(float));
        }
}

void multiply_all(ggml_tensor* out, int ith, int /*nth*/, void* /*userdata*/) {
    static const Kernel kernel = choose();
    if (ith != 0) return;
    for (std::int64_t i3 = 0; i3 < out->ne[3]; ++i3)
        for (std::int64_t i2 = 0; i2 < out->ne[2]; ++i2)
            multiply(
                kernel, matrix_of(out->src[0], i2, i3), matrix_of(out->src[1], i2, i3),
                reinterpret_cast<float*>(static_cast<char*>(out->data) + static_cast<std::size_t>(i2) * out->nb[2] +
                                         static_cast<std::size_t>(i3) * out->nb[3]));
}

}  // namespace

ggml_tensor* product(ggml_context* context, ggml_tensor* a, ggml_tensor* b) {
    std::array<ggml_tensor*, 2> both{a, b};
    return ggml_custom_4d(context, GGML_TYPE_F32, a->ne[1], b->ne[1], b->ne[2], b->ne[3], both.data(), 2, multiply_all,
                          1, nullptr);
}

}  // namespace train_demo
