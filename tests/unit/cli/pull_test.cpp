#include "cli/pull.hpp"

#include "cli/progress.hpp"
#include "cli/table.hpp"
#include "support.hpp"

namespace sarai::cli::pull_test {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view fetched =
    "{\"status\":\"pulling manifest\"}\n"
    "{\"status\":\"pulling 5f7d\",\"digest\":\"sha256:5f7d\",\"total\":1048576}\n"
    "{\"status\":\"pulling 5f7d\",\"digest\":\"sha256:5f7d\",\"total\":1048576,\"completed\":524288}\n"
    "{\"status\":\"pulling 5f7d\",\"digest\":\"sha256:5f7d\",\"total\":1048576,\"completed\":1048576}\n"
    "{\"status\":\"writing manifest\"}\n"
    "{\"status\":\"success\"}\n";

// Of a source that has no hash.
constexpr std::string_view fetched_blindly =
    "{\"status\":\"pulling manifest\"}\n"
    "{\"status\":\"pulling lfm2.gguf\",\"total\":1048576}\n"
    "{\"status\":\"pulling lfm2.gguf\",\"total\":1048576,\"completed\":524288}\n"
    "{\"status\":\"pulling lfm2.gguf\",\"total\":1048576,\"completed\":1048576}\n"
    "{\"status\":\"not verified: the source has no hash\"}\n"
    "{\"status\":\"writing manifest\"}\n"
    "{\"status\":\"success\"}\n";

}  // namespace

TEST(Pull, SaysInOneLineThatTheModelIsThere) {
    const Upstream server(answering(200, std::string(fetched)));
    World world;
    EXPECT_EQ(world.run({"pull", "lab/lfm2", "--url", server.url()}), 0) << world.err.str();
    EXPECT_EQ(world.out.str(), "lab/lfm2 is there: 1.0 MiB\n");
    EXPECT_EQ(world.err.str(), "");
}

TEST(Pull, ShowsABarAtATerminalAndWipesIt) {
    const Upstream server(answering(200, std::string(fetched)));
    World world;
    world.io.err_terminal = true;
    world.io.unicode = false;
    EXPECT_EQ(world.run({"pull", "lab/lfm2", "--url", server.url()}), 0);
    EXPECT_THAT(world.err.str(), HasSubstr("\r\x1b[Klab/lfm2: pulling manifest"));
    EXPECT_THAT(world.err.str(), HasSubstr("\r\x1b[Klab/lfm2  ##########..........  50 %  512 KiB of 1.0 MiB"));
    EXPECT_TRUE(world.err.str().ends_with("\r\x1b[K"));
}

TEST(Pull, AFileWithoutAHashHasABarTooAndIsSaidNotToBeVerified) {
    const Upstream server(answering(200, std::string(fetched_blindly)));
    World world;
    world.io.err_terminal = true;
    world.io.unicode = false;
    EXPECT_EQ(world.run({"pull", "lab/lfm2", "--url", server.url()}), 0);
    EXPECT_THAT(world.err.str(), HasSubstr("\r\x1b[Klab/lfm2  ##########..........  50 %  512 KiB of 1.0 MiB"));
    EXPECT_EQ(world.out.str(), "lab/lfm2 is there: 1.0 MiB (not verified: the source has no hash)\n");
}

TEST(Pull, NoLineIsWiderThanTheTerminal) {
    const std::string name = "hf.co/some-organisation/A-Rather-Long-Repository-Name-Instruct-GGUF:Q4_K_M";
    for (const int columns : {120, 80, 60, 40, 20}) {
        const Upstream server(answering(200, std::string(fetched)));
        World world;
        world.io.err_terminal = true;
        world.io.err_columns = [columns] { return columns; };
        EXPECT_EQ(world.run({"pull", name, "--url", server.url()}), 0);
        const auto shown = world.err.str();
        constexpr std::string_view wipe = "\r\x1b[K";
        for (auto at = shown.find(wipe); at != std::string::npos;) {
            const auto begin = at + wipe.size();
            at = shown.find(wipe, begin);
            const auto line = shown.substr(begin, at == std::string::npos ? at : at - begin);
            EXPECT_LT(display_width(line), static_cast<std::size_t>(columns)) << line;
        }
        if (columns >= 60) { EXPECT_THAT(shown, HasSubstr("50 %  512 KiB of 1.0 MiB")) << columns; }
    }
}

TEST(Pull, FailsWithTheServersOwnWords) {
    for (const auto& [status, body, words, code] :
         {std::tuple{200, "{\"status\":\"pulling manifest\"}\n{\"error\":\"no room: 4 GiB are missing\"}\n",
                     "no room: 4 GiB are missing", 1},
          {200,
           R"({"error":"'lab/x' cannot fit","code":"insufficient_memory"})"
           "\n",
           "'lab/x' cannot fit", 4},
          {503, R"({"error":"'lab/x' cannot fit","code":"insufficient_memory"})", "'lab/x' cannot fit", 4},
          {404, R"({"error":"there is no model 'lab/x'"})", "there is no model 'lab/x'", 1},
          {400, R"({"error":"'model' is wrong"})", "'model' is wrong", 2},
          {200, "{\"status\":\"pulling manifest\"}\n", "ended its answer before the model was there", 1},
          {200, "<html>\n", "no JSON object", 1}}) {
        const Upstream server(answering(status, body));
        World world;
        EXPECT_EQ(world.run({"pull", "lab/x", "--url", server.url()}), code) << body;
        EXPECT_THAT(world.err.str(), HasSubstr(words));
        EXPECT_EQ(world.out.str(), "");
    }
    World none;
    EXPECT_EQ(none.run({"pull", "lab/x", "--url", "http://127.0.0.1:1"}), 3);
}

TEST(Transfer, TellsSpeedAndWhatIsLeftOfWhatItFetchedItself) {
    using namespace std::chrono_literals;
    const std::int64_t mib = 1 << 20;
    EXPECT_EQ(
        transfer_text("m", {.total = 100 * mib, .completed = 60 * mib, .begun_at = 40 * mib, .elapsed = 10s}, false),
        "m  ############........  60 %  60 MiB of 100 MiB, 2.0 MiB/s, 20 s left");
    EXPECT_THAT(
        transfer_text("m", {.total = 100 * mib, .completed = 60 * mib, .begun_at = 60 * mib, .elapsed = 10s}, true),
        Not(HasSubstr("/s")));
    EXPECT_EQ(transfer_text("m", {.total = 0, .completed = mib}, true), "m  1.0 MiB");
    EXPECT_THAT(transfer_text("m", {.total = 3 * mib, .completed = 3 * mib, .elapsed = 3s}, true),
                Not(HasSubstr("left")));
}

TEST(Transfer, ShortensTheNameFirstThenTheBar) {
    using namespace std::chrono_literals;
    const std::int64_t mib = 1 << 20;
    const Transfer half{.total = 100 * mib, .completed = 60 * mib, .begun_at = 40 * mib, .elapsed = 10s};
    const std::string name = "hf.co/organisation/Repository-GGUF:Q4_K_M";
    const auto line = [&](std::size_t columns) { return transfer_text(name, half, false, columns); };
    EXPECT_EQ(line(111), name + "  ############........  60 %  60 MiB of 100 MiB, 2.0 MiB/s, 20 s left");
    EXPECT_EQ(line(90), "hf.co/org...UF:Q4_K_M  ############........  60 %  60 MiB of 100 MiB, 2.0 MiB/s, 20 s left");
    EXPECT_EQ(line(75), "hf.co/o...Q4_K_M  ######....  60 %  60 MiB of 100 MiB, 2.0 MiB/s, 20 s left");
    EXPECT_EQ(line(65), "hf.co/o...Q4_K_M   60 %  60 MiB of 100 MiB, 2.0 MiB/s, 20 s left");
    EXPECT_EQ(line(60), "hf.co/o...Q4_K_M   60 %  60 MiB of 100 MiB, 2.0 MiB/s, 20 s ");
}

TEST(DoingText, ShortensTheName) {
    EXPECT_EQ(doing_text("m", "pulling manifest", true), "m: pulling manifest");
    EXPECT_EQ(doing_text("hf.co/organisation/Repository-GGUF:Q4_K_M", "pulling manifest", true, 40),
              "hf.co/organ…GUF:Q4_K_M: pulling manifest");
}

TEST(Shortened, LosesItsMiddle) {
    EXPECT_EQ(shortened("abcdefgh", 8, true), "abcdefgh");
    EXPECT_EQ(shortened("abcdefgh", 7, true), "abc…fgh");
    EXPECT_EQ(shortened("äöüäöü", 5, true), "äö…öü");
    EXPECT_EQ(shortened("abcdefgh", 3, false), "abc");
}

TEST(ProgressText, FitsIntoTheTerminal) {
    EXPECT_EQ(progress_text("loading hf.co/organisation/Repository:Q4", 0.5, false, 60),
              "loading hf...sitory:Q4  ###############...............  50 %");
}

TEST(ProgressText, IsABarWithItsShare) {
    EXPECT_EQ(progress_text("loading m", 0.42, false), "loading m  #############.................  42 %");
    EXPECT_EQ(progress_text("loading m", 7, false), "loading m  ############################## 100 %");
}

}  // namespace sarai::cli::pull_test
