// How much is left of the time for a whole fetch. Internal to media/.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <chrono>

#include "base/error.hpp"

namespace sarai::media {

class Deadline {
public:
    explicit Deadline(std::chrono::milliseconds budget)
        : budget_(budget), end_(std::chrono::steady_clock::now() + budget) {}
    // At least a moment, so that its end is noticed where it is waited for.
    [[nodiscard]] std::chrono::milliseconds left() const {
        using std::chrono::milliseconds;
        return std::max(std::chrono::ceil<milliseconds>(end_ - std::chrono::steady_clock::now()), milliseconds(1));
    }
    [[nodiscard]] bool over() const { return std::chrono::steady_clock::now() >= end_; }
    [[nodiscard]] std::unexpected<Error> late() const {
        return fail(Code::timeout, fmt::format("it did not arrive within {} ms (media.timeout)", budget_.count()));
    }

private:
    std::chrono::milliseconds budget_;
    std::chrono::steady_clock::time_point end_;
};

}  // namespace sarai::media
