#include "gateway/tracer.hpp"

#include <gtest/gtest.h>

#include <boost/json/parse.hpp>

namespace sarai::gateway::tracer_test {
namespace {

namespace json = boost::json;

TEST(Tracer, WritesSpansAsOtlpDoes) {
    using namespace std::chrono_literals;
    const Span span{.context = {.trace_id = "4bf92f3577b34da6a3ce929d0e0e4736",
                                .parent_id = "00f067aa0ba902b7",
                                .span_id = "0000000000abcdef"},
                    .name = "POST /v1/chat/completions",
                    .begin = std::chrono::sys_time<std::chrono::nanoseconds>(1700000000123456789ns),
                    .took = 1500ms,
                    .status = 503,
                    .attributes = {{"model", "lfm2"}, {"tokens", "12"}, {"ttft_ms", "1.5"}}};
    EXPECT_EQ(json::value(encode_spans({span}, "1.0")), json::parse(R"({"resourceSpans": [{
        "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "sarai"}},
                                    {"key": "service.version", "value": {"stringValue": "1.0"}}]},
        "scopeSpans": [{"scope": {"name": "sarai", "version": "1.0"}, "spans": [{
            "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "0000000000abcdef",
            "parentSpanId": "00f067aa0ba902b7", "name": "POST /v1/chat/completions", "kind": 2,
            "startTimeUnixNano": "1700000000123456789", "endTimeUnixNano": "1700000001623456789",
            "attributes": [{"key": "http.response.status_code", "value": {"intValue": "503"}},
                           {"key": "gen_ai.request.model", "value": {"stringValue": "lfm2"}},
                           {"key": "gen_ai.usage.output_tokens", "value": {"intValue": "12"}},
                           {"key": "sarai.ttft_ms", "value": {"doubleValue": 1.5}}],
            "status": {"code": 2}}]}]}]})"));
}

}  // namespace
}  // namespace sarai::gateway::tracer_test
