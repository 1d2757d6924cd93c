// An amount of memory or storage. Signed, so that a deficit is a value too; printed in binary units ("6.71 GiB").
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai {

struct Bytes {
    std::int64_t count = 0;

    constexpr auto operator<=>(const Bytes&) const = default;
    constexpr Bytes& operator+=(Bytes other) {
        count += other.count;
        return *this;
    }
    constexpr Bytes& operator-=(Bytes other) {
        count -= other.count;
        return *this;
    }
    friend constexpr Bytes operator+(Bytes a, Bytes b) { return {a.count + b.count}; }
    friend constexpr Bytes operator-(Bytes a, Bytes b) { return {a.count - b.count}; }
};

constexpr Bytes KiB(std::int64_t n) { return {n << 10}; }
constexpr Bytes MiB(std::int64_t n) { return {n << 20}; }
constexpr Bytes GiB(std::int64_t n) { return {n << 30}; }

// "512 B", "3.4 MiB", "6.71 GiB"; negative amounts keep their sign.
[[nodiscard]] std::string to_string(Bytes bytes);

// Accepts "12GiB", "512 MB", "1.5g", "4096": K/M/G/T alone and KiB… are powers of 1024, KB/MB/GB/TB powers of 1000,
// case does not matter. Errors: Code::invalid_argument for anything else, negative amounts and overflow.
[[nodiscard]] Result<Bytes> parse_bytes(std::string_view text);

}  // namespace sarai
