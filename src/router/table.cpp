#include "router/table.hpp"

#include <algorithm>
#include <cmath>

namespace sarai::router {
namespace {

constexpr float row_beta1 = 0.9F;
constexpr float row_beta2 = 0.99F;
constexpr float row_epsilon = 1e-8F;
constexpr float first_spread = 0.02F;  // small: what was never trained should not be heard
constexpr float most_importance = 4;   // e^4: one feature may outweigh fifty

}  // namespace

Table::Table(const Shape& shape, std::vector<float> start, Random& random)
    : embedding(static_cast<std::size_t>(shape.rows) * static_cast<std::size_t>(shape.width)),
      importance(std::move(start)),
      width_(static_cast<std::size_t>(shape.width)),
      first_(static_cast<std::size_t>(shape.rows) * (width_ + 1)),
      second_(first_.size()),
      place_(static_cast<std::size_t>(shape.rows), -1) {
    for (auto& value : embedding) value = first_spread * random.normal();
}

void Table::pool_into(std::span<const Pick> picks, std::span<float> into, std::span<float, slot_count> sums) const {
    pool(
        picks, width_, [this](std::int32_t row) { return std::exp(importance[static_cast<std::size_t>(row)]); },
        [this](std::int32_t row, float factor, float* target) {
            const float* source = embedding.data() + static_cast<std::size_t>(row) * width_;
            for (std::size_t i = 0; i < width_; ++i) target[i] += factor * source[i];
        },
        into, sums);
}

void Table::add_gradient(std::span<const Pick> picks, std::span<const float> pooled,
                         std::span<const float, slot_count> sums, std::span<const float> gradient) {
    for (const auto& one : picks) {
        const auto row = static_cast<std::size_t>(one.row);
        const auto slot = static_cast<std::size_t>(one.slot);
        if (place_[row] < 0) {
            place_[row] = static_cast<std::int32_t>(touched_.size());
            touched_.push_back(one.row);
            gradients_.resize(touched_.size() * (width_ + 1));
        }
        float* into = gradients_.data() + static_cast<std::size_t>(place_[row]) * (width_ + 1);
        const float* from = gradient.data() + slot * width_;
        const float* mean = pooled.data() + slot * width_;
        const float* own = embedding.data() + row * width_;
        const float share = std::exp(importance[row]) / sums[slot];
        float moved = 0;  // the mean moves towards what weighs more
        for (std::size_t i = 0; i < width_; ++i) {
            into[i] += share * from[i];
            moved += (own[i] - mean[i]) * from[i];
        }
        into[width_] += share * moved;
    }
}

void Table::step(const Rates& rates) {
    ++steps_;
    const auto count = static_cast<float>(steps_);
    const float correct1 = 1 / (1 - std::pow(row_beta1, count));
    const float correct2 = 1 / (1 - std::pow(row_beta2, count));
    for (std::size_t i = 0; i < touched_.size(); ++i) {
        const auto row = static_cast<std::size_t>(touched_[i]);
        const float* gradient = gradients_.data() + i * (width_ + 1);
        float* first = first_.data() + row * (width_ + 1);
        float* second = second_.data() + row * (width_ + 1);
        float* values = embedding.data() + row * width_;
        for (std::size_t k = 0; k <= width_; ++k) {
            first[k] = row_beta1 * first[k] + (1 - row_beta1) * gradient[k];
            second[k] = row_beta2 * second[k] + (1 - row_beta2) * gradient[k] * gradient[k];
            const float move = rates.learning * first[k] * correct1 / (std::sqrt(second[k] * correct2) + row_epsilon);
            if (k < width_)
                values[k] -= move + rates.learning * rates.decay * values[k];
            else
                importance[row] = std::clamp(importance[row] - 2 * move, -most_importance, most_importance);
        }
        place_[row] = -1;
    }
    touched_.clear();
    gradients_.clear();
}

}  // namespace sarai::router
