#include "cli/hints.hpp"

namespace sarai::cli {

std::optional<std::string> Hints::next(std::string_view typed, Time now) {
    if (typed.size() < least || typed.starts_with('/') || typed == told_) return std::nullopt;
    if (at_ && now - *at_ < apart) return std::nullopt;
    told_ = typed;
    at_ = now;
    return told_;
}

}  // namespace sarai::cli
