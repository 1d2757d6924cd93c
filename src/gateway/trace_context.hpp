// W3C Trace Context (https://www.w3.org/TR/trace-context/): which trace a request belongs to, and our part of it. Pure.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace sarai::gateway {

struct TraceContext {
    std::string trace_id;   // 32 hexadecimal digits
    std::string parent_id;  // 16, of the caller's span; empty: the trace begins here
    std::string span_id;    // 16, of ours
    std::uint8_t flags = 1;

    [[nodiscard]] bool sampled() const { return (flags & 1U) != 0; }
    // "00-<trace>-<our span>-<flags>", for whom we call.
    [[nodiscard]] std::string traceparent() const;
};

// `random` gives 64 random bits. An invalid header counts as none, as the standard has it: then nullopt, or with
// `begin` a trace of our own.
[[nodiscard]] std::optional<TraceContext> trace_of(std::string_view traceparent, bool begin,
                                                   const std::function<std::uint64_t()>& random);

}  // namespace sarai::gateway
