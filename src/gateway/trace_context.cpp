#include "gateway/trace_context.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace sarai::gateway {
namespace {

bool is_id(std::string_view text, std::size_t length) {
    return text.size() == length && text.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
           text.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

std::string TraceContext::traceparent() const { return fmt::format("00-{}-{}-{:02x}", trace_id, span_id, flags); }

std::optional<TraceContext> trace_of(std::string_view header, bool begin,
                                     const std::function<std::uint64_t()>& random) {
    constexpr std::size_t length = 55;  // "00-" 32 "-" 16 "-" 2
    TraceContext context;
    const auto version = header.substr(0, 2);
    std::uint8_t number = 0;
    const bool versioned = header.size() >= length && header[2] == '-' && version != "ff" &&
                           std::from_chars(version.begin(), version.end(), number, 16).ptr == version.end();
    // Of later versions the beginning is the same.
    const bool ends = header.size() == length || (number > 0 && header.size() > length && header[length] == '-');
    if (versioned && ends && header[35] == '-' && header[52] == '-' && is_id(header.substr(3, 32), 32) &&
        is_id(header.substr(36, 16), 16)) {
        const auto flags = header.substr(53, 2);
        if (std::from_chars(flags.begin(), flags.end(), context.flags, 16).ptr == flags.end()) {
            context.trace_id = header.substr(3, 32);
            context.parent_id = header.substr(36, 16);
        }
    }
    if (context.trace_id.empty()) {
        if (!begin) return std::nullopt;
        context.flags = 1;
        context.trace_id = fmt::format("{:016x}{:016x}", random(), random() | 1U);
    }
    context.span_id = fmt::format("{:016x}", random() | 1U);
    return context;
}

}  // namespace sarai::gateway
