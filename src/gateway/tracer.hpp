// Spans of finished requests, sent to an OpenTelemetry collector (OTLP over HTTP, JSON; telemetry.otlp_endpoint).
//
// It belongs to the gateway's strand. Spans wait in a bounded queue and leave together, every few seconds; what does
// not fit, or what no collector takes, is counted and forgotten: tracing never holds up a request.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "gateway/trace_context.hpp"

namespace sarai::gateway {

struct Span {
    TraceContext context;
    std::string name;  // "POST /v1/chat/completions"
    std::chrono::sys_time<std::chrono::nanoseconds> begin;
    std::chrono::nanoseconds took{};
    int status = 0;                                               // HTTP
    std::vector<std::pair<std::string, std::string>> attributes;  // numbers as text
};

// The body of POST /v1/traces for these spans. Attribute names follow OpenTelemetry's semantic conventions (gen_ai.*,
// http.*) where there is one.
[[nodiscard]] boost::json::object encode_spans(const std::vector<Span>& spans, const std::string& version);

class Tracer {
public:
    // `endpoint`: "http://127.0.0.1:4318". Errors: invalid_argument.
    [[nodiscard]] static Result<std::shared_ptr<Tracer>> create(boost::asio::any_io_executor executor,
                                                                const std::string& endpoint, std::string version);
    ~Tracer();
    void finished(Span span);
    // Sends what is left, for at most a second.
    [[nodiscard]] boost::asio::awaitable<void> stop();
    [[nodiscard]] std::uint64_t lost() const;

private:
    struct State;
    explicit Tracer(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace sarai::gateway
