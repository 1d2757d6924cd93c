#include "cli/progress.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/bytes.hpp"
#include "cli/table.hpp"

namespace sarai::cli {
namespace {

constexpr int steps = 1000;

std::string bar(double share, int width, bool unicode) {
    const auto filled = std::lround(std::clamp(share, 0.0, 1.0) * steps);
    return render_bar({.filled = filled, .promised = 0, .whole = steps}, width, unicode);
}

std::string time_text(double seconds) {
    if (seconds < 90) return fmt::format("{:.0f} s", seconds);
    if (seconds < 5400) return fmt::format("{:.0f} min", seconds / 60);
    return fmt::format("{:.1f} h", seconds / 3600);
}

}  // namespace

std::string progress_text(std::string_view what, double share, bool unicode) {
    constexpr int width = 30;
    return fmt::format("{}  {} {:3.0f} %", what, bar(share, width, unicode), std::clamp(share, 0.0, 1.0) * 100);
}

std::string transfer_text(std::string_view what, const Transfer& transfer, bool unicode) {
    if (transfer.total <= 0) return fmt::format("{}  {}", what, to_string(Bytes{transfer.completed}));
    constexpr int width = 20;
    const double share = static_cast<double>(transfer.completed) / static_cast<double>(transfer.total);
    auto text = fmt::format("{}  {} {:3.0f} %  {} of {}", what, bar(share, width, unicode), std::floor(share * 100),
                            to_string(Bytes{transfer.completed}), to_string(Bytes{transfer.total}));
    const auto fresh = static_cast<double>(transfer.completed - transfer.begun_at);
    // Of the first moments nothing can be said.
    if (transfer.elapsed.count() < 1 || fresh <= 0) return text;
    const double speed = fresh / transfer.elapsed.count();
    text += fmt::format(", {}/s", to_string(Bytes{static_cast<std::int64_t>(speed)}));
    if (transfer.completed < transfer.total)
        text += fmt::format(", {} left", time_text(static_cast<double>(transfer.total - transfer.completed) / speed));
    return text;
}

}  // namespace sarai::cli
