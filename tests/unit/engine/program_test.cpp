#include "engine/program.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

namespace sarai::engine::program_test {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

TEST(Program, ALauncherStandsForTheLoaderThatItStarted) {
    EXPECT_THAT(without_loader({"/x/lib/ld-linux-x86-64.so.2", "--argv0", "/x/bin/sarai", "--library-path", "/x/lib",
                                "/x/libexec/sarai", "ps", "--json"}),
                ElementsAre("/x/bin/sarai", "ps", "--json"));
}

TEST(Program, OtherCommandLinesStayAsTheyAre) {
    EXPECT_THAT(without_loader({}), IsEmpty());
    EXPECT_THAT(without_loader({"/bin/ls", "--argv0", "a", "--library-path", "b", "c"}),
                ElementsAre("/bin/ls", "--argv0", "a", "--library-path", "b", "c"));
    EXPECT_THAT(without_loader({"/lib/ld-linux.so", "--list", "/bin/ls"}),
                ElementsAre("/lib/ld-linux.so", "--list", "/bin/ls"));
}

TEST(Program, IsKnownOfThisProcessAndOfNoneThatIsNotThere) {
    EXPECT_EQ(own_program().filename(), "unit_engine");
    EXPECT_EQ(program_of(::getpid()), own_program());
    EXPECT_FALSE(command_line_of(::getpid()).empty());
    EXPECT_THAT(command_line_of(-1), IsEmpty());
    EXPECT_TRUE(program_of(-1).empty());
}

}  // namespace
}  // namespace sarai::engine::program_test
