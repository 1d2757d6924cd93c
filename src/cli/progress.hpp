// A line that shows how far something is. Pure.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace sarai::cli {

// All fit into `columns`: where that is too little, `what` is shortened first, then the bar.
inline constexpr std::size_t any_columns = std::numeric_limits<std::size_t>::max();

// "lfm2  ████████░░░░░░░░  45 %"
[[nodiscard]] std::string progress_text(std::string_view what, double share, bool unicode,
                                        std::size_t columns = any_columns);

// "lfm2: pulling manifest"
[[nodiscard]] std::string doing_text(std::string_view what, std::string_view doing, bool unicode,
                                     std::size_t columns = any_columns);

// What of a whole has come, and since when: how fast, and how long it will take.
struct Transfer {
    std::int64_t total = 0;
    std::int64_t completed = 0;
    std::int64_t begun_at = 0;  // what was there before: it was not transferred in `elapsed`
    std::chrono::duration<double> elapsed{};
};
// "lfm2  ██████░░░░  45 %  328 MiB of 730 MiB, 12.3 MiB/s, 33 s left"
[[nodiscard]] std::string transfer_text(std::string_view what, const Transfer& transfer, bool unicode,
                                        std::size_t columns = any_columns);

}  // namespace sarai::cli
