#include "base/bytes.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "base/utf8.hpp"

namespace sarai {
namespace {

// 0 for an unknown unit.
double scale_of(std::string_view unit) {
    std::string lower(unit);
    std::ranges::transform(lower, lower.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (lower.empty() || lower == "b") return 1;
    const auto power = std::string_view("kmgt").find(lower.front());
    if (power == std::string_view::npos) return 0;
    const auto rest = std::string_view(lower).substr(1);
    if (rest.empty() || rest == "i" || rest == "ib") return std::pow(1024.0, static_cast<double>(power) + 1);
    if (rest == "b") return std::pow(1000.0, static_cast<double>(power) + 1);
    return 0;
}

}  // namespace

std::string to_string(Bytes bytes) {
    const double magnitude = std::abs(static_cast<double>(bytes.count));
    const char* sign = bytes.count < 0 ? "-" : "";
    if (magnitude < 1024) return fmt::format("{} B", bytes.count);
    if (magnitude < 1024.0 * 1024) return fmt::format("{}{:.0f} KiB", sign, magnitude / 1024);
    if (magnitude < 1024.0 * 1024 * 1024) {
        const double mib = magnitude / (1024.0 * 1024);
        return mib < 9.95 ? fmt::format("{}{:.1f} MiB", sign, mib) : fmt::format("{}{:.0f} MiB", sign, mib);
    }
    return fmt::format("{}{:.2f} GiB", sign, magnitude / (1024.0 * 1024 * 1024));
}

Result<Bytes> parse_bytes(std::string_view text) {
    const auto refuse = [&] {
        return fail(
            Code::invalid_argument,
            fmt::format("\"{}\" is not an amount of memory; expected a number and a unit, such as 12GiB or 512MB",
                        valid_utf8(text)));
    };
    double number = 0;
    const auto [rest, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{}) return refuse();
    auto unit = text.substr(static_cast<std::size_t>(rest - text.data()));
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    while (unit.ends_with(' ')) unit.remove_suffix(1);
    // "12" is nobody's 12 bytes.
    if (unit.empty() && number != 0 && number < 1024)
        return fail(
            Code::invalid_argument,
            fmt::format("\"{}\" has no unit; expected a number and a unit, such as {}GiB or {}MB", text, text, text));
    const double scale = scale_of(unit);
    const double bytes = number * scale;
    if (scale == 0 || !std::isfinite(bytes) || bytes < 0 || bytes > 9.0e18) return refuse();
    return Bytes{static_cast<std::int64_t>(std::llround(bytes))};
}

}  // namespace sarai
