#include "memory/learned_text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace sarai::memory {
namespace {

namespace json = boost::json;

json::value rate_of(const Speed& speed) {
    // Two decimals: more would be noise.
    return speed.seconds > 0 ? json::value(std::round(speed.per_second() * 100) / 100) : json::value(nullptr);
}

}  // namespace

json::value learned_json(const std::optional<Learned>& learned) {
    if (!learned) return nullptr;
    return json::object{{"loads", learned->loads},
                        {"peak_bytes", learned->peak.count},
                        {"last_peak_bytes", learned->last_peak.count},
                        {"load_ms", learned->load_time.count()},
                        {"requests", learned->requests},
                        {"prompt_tokens_per_second", rate_of(learned->prompt)},
                        {"decode_tokens_per_second", rate_of(learned->decode)}};
}

void add_error_bar(json::object& shown, const ModelPlan& plan) {
    shown["error_bytes"] = plan.error().count;
    shown["pessimistic_bytes"] = plan.pessimistic().count;
    shown["learned"] = learned_json(plan.learned);
}

std::string error_note(const ModelPlan& plan) {
    const auto loads = plan.learned ? plan.learned->loads : 0;
    return fmt::format("± {} ({})", to_string(plan.error()),
                       loads == 0   ? "never loaded here"
                       : loads == 1 ? "1 load"
                                    : fmt::format("{} loads", loads));
}

}  // namespace sarai::memory
