#include "gateway/trace_context.hpp"

#include <gtest/gtest.h>

namespace sarai::gateway::trace_context_test {
namespace {

std::uint64_t always() { return 0xabcdef; }

TEST(TraceContext, OurSpanIsAChildOfTheCallers) {
    const auto context = trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", false, always);
    ASSERT_TRUE(context);
    EXPECT_EQ(context->parent_id, "00f067aa0ba902b7");
    EXPECT_TRUE(context->sampled());
    EXPECT_EQ(context->traceparent(), "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000abcdef-01");
    EXPECT_FALSE(trace_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00", false, always)->sampled());
    // A later version may say more.
    EXPECT_TRUE(trace_of("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more", false, always));
}

TEST(TraceContext, AnInvalidHeaderIsNone) {
    for (const auto* header : {"", "x", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
                               "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
                               "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
                               "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0x",
                               "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                               "0g-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"})
        EXPECT_FALSE(trace_of(header, false, always)) << header;
}

TEST(TraceContext, MayBeginHere) {
    const auto context = trace_of("", true, always);
    ASSERT_TRUE(context);
    EXPECT_EQ(context->trace_id, "0000000000abcdef0000000000abcdef");
    EXPECT_EQ(context->parent_id, "");
}

}  // namespace
}  // namespace sarai::gateway::trace_context_test
