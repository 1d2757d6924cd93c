// A line that shows how far something is. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace sarai::cli {

// "lfm2  ████████░░░░░░░░  45 %": at most 80 columns.
[[nodiscard]] std::string progress_text(std::string_view what, double share, bool unicode);

// What of a whole has come, and since when: how fast, and how long it will take.
struct Transfer {
    std::int64_t total = 0;
    std::int64_t completed = 0;
    std::int64_t begun_at = 0;  // what was there before: it was not transferred in `elapsed`
    std::chrono::duration<double> elapsed{};
};
// "lfm2  ██████░░░░  45 %  328 MiB of 730 MiB, 12.3 MiB/s, 33 s left"
[[nodiscard]] std::string transfer_text(std::string_view what, const Transfer& transfer, bool unicode);

}  // namespace sarai::cli
