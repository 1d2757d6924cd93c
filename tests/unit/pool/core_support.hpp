// Actions as lines of text, so that a test reads like a protocol: "measure chat", "grant 1: chat local".
#pragma once

#include <fmt/format.h>

#include <string>
#include <vector>

#include "pool/pool_core.hpp"

namespace sarai::pool::testing {

using Lines = std::vector<std::string>;

inline std::string describe_route(const PoolCore& core, const Route& route) {
    return fmt::format("{} {}{}", core.models()[route.model].name,
                       route.endpoint ? core.endpoints()[*route.endpoint].name : "local",
                       route.fallback ? " (fallback)" : "");
}

struct Describe {
    const PoolCore& core;
    static std::string reduced(const Reduction& reduction) {
        return reduction.any() ? fmt::format(" ({})", describe(reduction)) : "";
    }
    std::string operator()(const Measure& a) const {
        return "measure " + core.models()[a.model].name + reduced(a.reduction);
    }
    std::string operator()(const MeasureForm& a) const {
        return "measure " + core.models()[a.model].name + " with media";
    }
    std::string operator()(const Spawn& a) const {
        return "spawn " + core.models()[a.model].name + reduced(a.reduction);
    }
    std::string operator()(const Stop& a) const { return "stop " + core.models()[a.model].name; }
    std::string operator()(const Probe& a) const { return "probe " + core.endpoints()[a.endpoint].name; }
    std::string operator()(const Wake& a) const { return "wake " + core.endpoints()[a.endpoint].name; }
    std::string operator()(const Grant& a) const {
        return fmt::format("grant {}: {}", a.ticket, describe_route(core, a.route));
    }
    std::string operator()(const Refuse& a) const {
        return fmt::format("refuse {}: {}", a.ticket, sarai::name_of(a.error.code));
    }
};

inline Lines lines_of(const PoolCore& core, const Actions& actions) {
    Lines lines;
    for (const auto& action : actions) lines.push_back(std::visit(Describe{core}, action));
    return lines;
}

}  // namespace sarai::pool::testing
