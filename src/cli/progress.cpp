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

// Of a name that has to give way so much stays.
constexpr std::size_t least_name = 16;

std::string name_before(std::string_view what, std::size_t rest, bool unicode, std::size_t columns) {
    return shortened(what, std::max(least_name, columns - std::min(columns, rest)), unicode);
}

// "what  ████░░░░ after"
std::string bar_line(std::string_view what, double share, int width, std::string_view after, bool unicode,
                     std::size_t columns) {
    constexpr std::size_t least_bar = 5;  // a shorter one says nothing
    const auto rest = display_width(after) + 3;
    const auto name = name_before(what, rest + static_cast<std::size_t>(width), unicode, columns);
    const auto taken = rest + display_width(name);
    const auto left = std::min(columns - std::min(columns, taken), static_cast<std::size_t>(width));
    const auto text = left < least_bar
                          ? fmt::format("{}  {}", name, after)
                          : fmt::format("{}  {} {}", name, bar(share, static_cast<int>(left), unicode), after);
    return std::string(first_columns(text, columns));
}

}  // namespace

std::string progress_text(std::string_view what, double share, bool unicode, std::size_t columns) {
    constexpr int width = 30;
    return bar_line(what, share, width, fmt::format("{:3.0f} %", std::clamp(share, 0.0, 1.0) * 100), unicode, columns);
}

std::string doing_text(std::string_view what, std::string_view doing, bool unicode, std::size_t columns) {
    const auto text = fmt::format("{}: {}", name_before(what, display_width(doing) + 2, unicode, columns), doing);
    return std::string(first_columns(text, columns));
}

std::string transfer_text(std::string_view what, const Transfer& transfer, bool unicode, std::size_t columns) {
    if (transfer.total <= 0) {
        const auto size = to_string(Bytes{transfer.completed});
        return fmt::format("{}  {}", name_before(what, display_width(size) + 2, unicode, columns), size);
    }
    constexpr int width = 20;
    const double share = static_cast<double>(transfer.completed) / static_cast<double>(transfer.total);
    auto after = fmt::format("{:3.0f} %  {} of {}", std::floor(share * 100), to_string(Bytes{transfer.completed}),
                             to_string(Bytes{transfer.total}));
    const auto fresh = static_cast<double>(transfer.completed - transfer.begun_at);
    // Of the first moments nothing can be said.
    if (transfer.elapsed.count() >= 1 && fresh > 0) {
        const double speed = fresh / transfer.elapsed.count();
        after += fmt::format(", {}/s", to_string(Bytes{static_cast<std::int64_t>(speed)}));
        if (transfer.completed < transfer.total)
            after +=
                fmt::format(", {} left", time_text(static_cast<double>(transfer.total - transfer.completed) / speed));
    }
    return bar_line(what, share, width, after, unicode, columns);
}

}  // namespace sarai::cli
