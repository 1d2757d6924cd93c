#include "router/calibrate.hpp"

#include <algorithm>
#include <array>
#include <cmath>

namespace sarai::router {

Line fit_sigmoid(std::span<const float> logits, std::span<const float> targets) {
    double slope = 1;
    double offset = 0;
    if (logits.empty()) return {};
    for (int round = 0; round < 50; ++round) {
        // Gradient and Hessian of the cross entropy, with a little pull towards slope 1 for sets that are separable.
        double ga = 1e-2 * (slope - 1), gb = 1e-3 * offset, aa = 1e-2, ab = 0, bb = 1e-3;
        for (std::size_t i = 0; i < logits.size(); ++i) {
            const double x = logits[i];
            const double p = 1 / (1 + std::exp(-(slope * x + offset)));
            const double error = p - targets[i];
            const double weight = std::max(p * (1 - p), 1e-6);
            ga += error * x;
            gb += error;
            aa += weight * x * x;
            ab += weight * x;
            bb += weight;
        }
        const double determinant = aa * bb - ab * ab;
        if (determinant <= 0) break;
        const double da = (bb * ga - ab * gb) / determinant;
        const double db = (aa * gb - ab * ga) / determinant;
        slope -= std::clamp(da, -1.0, 1.0);
        offset -= std::clamp(db, -1.0, 1.0);
        if (std::abs(da) + std::abs(db) < 1e-7) break;
    }
    // A head that cannot tell apart must not be turned round.
    return {.slope = static_cast<float>(std::clamp(slope, 0.05, 20.0)),
            .offset = static_cast<float>(std::clamp(offset, -10.0, 10.0))};
}

float choose_familiar_enough(std::vector<float> real, std::vector<float> noise) {
    if (real.empty()) return 0;
    std::ranges::sort(real);
    std::ranges::sort(noise);
    const float low = real[real.size() / 200];
    const float high = noise.empty() ? 0 : noise[noise.size() - 1 - noise.size() / 100];
    return high < low ? (low + high) / 2 : low;
}

}  // namespace sarai::router
