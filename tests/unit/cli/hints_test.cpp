#include "cli/hints.hpp"

#include <gtest/gtest.h>

namespace sarai::cli::hints_test {
namespace {

using std::chrono::milliseconds;

const Hints::Time start;

TEST(Hints, TellWhatHasChangedAndNotTooOften) {
    Hints hints;
    EXPECT_EQ(hints.next("Why does", start), "Why does");
    EXPECT_EQ(hints.next("Why does", start + milliseconds(5000)), std::nullopt) << "nothing new";
    EXPECT_EQ(hints.next("Why does my", start + milliseconds(1000)), std::nullopt) << "too soon";
    EXPECT_EQ(hints.next("Why does my", start + Hints::apart), "Why does my") << "it has waited long enough";
    EXPECT_EQ(hints.next("Why does", start + 2 * Hints::apart), "Why does") << "taken back";
}

TEST(Hints, OfWhatSaysNothingThereIsNone) {
    Hints hints;
    for (const auto* typed : {"", "H", "Hello w", "/save the conversation"})
        EXPECT_EQ(hints.next(typed, start), std::nullopt) << typed;
    EXPECT_TRUE(hints.next("Hello world", start));
}

}  // namespace
}  // namespace sarai::cli::hints_test
