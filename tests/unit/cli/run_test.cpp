#include "cli/run.hpp"

#include <unistd.h>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <csignal>
#include <mutex>
#include <thread>

#include "cli/chat.hpp"
#include "cli/run_session.hpp"
#include "cli/talk.hpp"
#include "support.hpp"

namespace sarai::cli::run_test {
namespace {

namespace json = boost::json;
using testing::ElementsAre;
using testing::HasSubstr;

net::asio::awaitable<void> wait_for_ever() {
    net::asio::steady_timer never(co_await net::asio::this_coro::executor, net::asio::steady_timer::time_point::max());
    co_await never.async_wait(net::asio::use_awaitable);
}

// Streams one script for each request and keeps what it was asked.
class ChatServer {
public:
    explicit ChatServer(std::vector<std::vector<std::string>> scripts)
        : scripts_(std::move(scripts)), upstream_([this](net::Exchange& exchange) { return answer(exchange); }) {}

    [[nodiscard]] std::string url() const { return upstream_.url(); }
    // "user: …", "assistant: …" of the n-th request.
    [[nodiscard]] std::vector<std::string> asked(std::size_t n) {
        const std::scoped_lock lock(mutex_);
        std::vector<std::string> lines;
        for (const auto& message : json::parse(bodies_.at(n)).at("messages").as_array()) {
            lines.push_back(std::string(message.at("role").as_string()) + ": " +
                            std::string(message.at("content").as_string()));
        }
        return lines;
    }
    [[nodiscard]] std::string body(std::size_t n) {
        const std::scoped_lock lock(mutex_);
        return bodies_.at(n);
    }
    [[nodiscard]] std::size_t count() {
        const std::scoped_lock lock(mutex_);
        return bodies_.size();
    }
    [[nodiscard]] net::Origin origin() const { return net::Origin::parse(url()).value(); }

private:
    net::asio::awaitable<void> answer(net::Exchange& exchange) {
        std::vector<std::string> script;
        {
            const std::scoped_lock lock(mutex_);
            bodies_.push_back(exchange.request().body());
            script = scripts_.at(bodies_.size() - 1);
        }
        exchange.start(200, "text/event-stream", {});
        for (const auto& piece : script) {
            if (piece == "ABORT") co_return exchange.abort();
            if (piece == "SIGINT" || piece == "STALL") {
                if (piece == "SIGINT") ::kill(::getpid(), SIGINT);
                (void)co_await exchange.while_connected(wait_for_ever());
                co_return;
            }
            (void)co_await exchange.write(piece);
        }
        (void)co_await exchange.finish();
    }

    std::mutex mutex_;
    std::vector<std::vector<std::string>> scripts_;
    std::vector<std::string> bodies_;
    Upstream upstream_;
};

// Somebody who presses Ctrl-C as soon as these words are on the screen.
class InterruptingBuffer : public std::stringbuf {
public:
    explicit InterruptingBuffer(std::string words) : words_(std::move(words)) {}

private:
    int sync() override {
        if (!words_.empty() && str().contains(words_)) {
            words_.clear();
            ::kill(::getpid(), SIGINT);
        }
        return 0;
    }
    std::string words_;
};

LineSource lines(std::vector<std::string> list) {
    return [list = std::move(list), at = std::size_t{0}](
               const std::string&, const auto&) mutable -> std::expected<std::string, LineEditor::NoLine> {
        if (at == list.size()) return std::unexpected(LineEditor::NoLine::ended);
        return list[at++];
    };
}

}  // namespace

TEST(Run, PrintsTheAnswerAsItComesAndNothingElse) {
    ChatServer server({{delta("Hel"), delta("lo"), std::string(stream_end)}});
    World world;
    EXPECT_EQ(world.run({"run", "m", "Say", "hello", "--url", server.url()}), 0) << world.err.str();
    EXPECT_EQ(world.out.str(), "Hello\n");
    EXPECT_EQ(world.err.str(), "");
    EXPECT_THAT(server.asked(0), ElementsAre("user: Say hello"));
}

TEST(Run, JoinsThePromptAndWhatIsPipedIn) {
    const std::vector<std::string> script{delta("x\\n"), std::string(stream_end)};
    ChatServer server({script, script, script});
    World both;
    both.in.str("a report\n");
    EXPECT_EQ(both.run({"run", "m", "Summarise:", "--url", server.url()}), 0);
    EXPECT_EQ(both.out.str(), "x\n");
    EXPECT_THAT(server.asked(0), ElementsAre("user: Summarise:\n\na report\n"));
    World piped;
    piped.in.str("a question\n");
    EXPECT_EQ(piped.run({"run", "m", "--url", server.url()}), 0);
    EXPECT_THAT(server.asked(1), ElementsAre("user: a question\n"));
    World device;
    device.in.str("what a terminal would say");
    device.io.in_data = false;
    EXPECT_EQ(device.run({"run", "m", "Hi", "--url", server.url()}), 0);
    EXPECT_THAT(server.asked(2), ElementsAre("user: Hi"));
}

TEST(Run, RefusesAnEmptyQuestionBeforeItAsksAnybody) {
    World world;
    world.in.str(" \n");
    EXPECT_EQ(world.run({"run", "m", "--url", "http://127.0.0.1:1"}), 2);
    EXPECT_THAT(world.err.str(), HasSubstr("nothing to ask"));
}

TEST(Run, SaysHowToStartAServerWhereThereIsNone) {
    World world;
    EXPECT_EQ(world.run({"run", "m", "Hi", "--url", "http://127.0.0.1:1"}), 3);
    EXPECT_THAT(world.err.str(), HasSubstr("sarai serve"));
}

TEST(Run, LeavesAnAnswerThatCannotBeWritten) {
    ChatServer server({{delta("Once upon"), "STALL"}});
    World world;
    std::ostream nowhere(nullptr);
    Io io{.in = world.in, .out = nowhere, .err = world.err};
    EXPECT_EQ(run_cli({"run", "m", "Hi", "--url", server.url()}, CliHooks{}, io), 1);
    EXPECT_EQ(world.err.str(), "sarai: cannot write standard output\n");
}

TEST(Run, ReportsAnErrorInTheStreamAndFails) {
    ChatServer server({{delta("Hel"),
                        "data: {\"error\":{\"message\":\"the worker "
                        "died\",\"type\":\"server_error\",\"code\":\"unavailable\"}}\n\n"}});
    World world;
    EXPECT_EQ(world.run({"run", "m", "Hi", "--url", server.url()}), 1);
    EXPECT_EQ(world.out.str(), "Hel\n");
    EXPECT_THAT(world.err.str(), HasSubstr("the worker died"));
}

TEST(Run, TakesABrokenStreamForAFailure) {
    ChatServer server({{delta("Hel"), "ABORT"}, {delta("Hel")}});
    for (int i = 0; i < 2; ++i) {
        World world;
        EXPECT_EQ(world.run({"run", "m", "Hi", "--url", server.url()}), 1) << i;
        EXPECT_EQ(world.out.str(), "Hel\n");
        EXPECT_NE(world.err.str(), "");
    }
}

TEST(Run, PassesOnWhatTheServerSays) {
    World unknown;
    const Upstream none(
        answering(404, R"({"error":{"message":"no model 'm'; did you mean 'n'?","code":"model_not_found"}})"));
    EXPECT_EQ(unknown.run({"run", "m", "Hi", "--url", none.url()}), 1);
    EXPECT_EQ(unknown.err.str(), "sarai: no model 'm'; did you mean 'n'?\n");
    World large;
    const Upstream full(answering(503, R"({"error":{"message":"does not fit","code":"insufficient_memory"}})"));
    EXPECT_EQ(large.run({"run", "m", "Hi", "--url", full.url()}), 4);
}

TEST(Run, ShowsThoughtsToEyesOnly) {
    const std::string thought = "data: {\"choices\":[{\"index\":0,\"delta\":{\"reasoning_content\":\"hm\"}}]}\n\n";
    ChatServer server(
        {{thought, delta("yes"), std::string(stream_end)}, {thought, delta("yes"), std::string(stream_end)}});
    World piped;
    EXPECT_EQ(piped.run({"run", "m", "Hi", "--url", server.url()}), 0);
    EXPECT_EQ(piped.out.str(), "yes\n");
    World terminal;
    terminal.io.out_terminal = true;
    EXPECT_EQ(terminal.run({"run", "m", "Hi", "--url", server.url()}), 0);
    EXPECT_EQ(terminal.out.str(), "\x1b[2mhm\x1b[0m\n\nyes\n");
}

TEST(Run, RemembersTheConversation) {
    ChatServer server({{delta("Ann."), std::string(stream_end)},
                       {delta("You are Ann."), std::string(stream_end)},
                       {delta("No idea."), std::string(stream_end)}});
    World world;
    EXPECT_EQ(
        converse(server.origin(), "m",
                 lines({"I am Ann", "", "  Who am I? ", "/clear", "Who am I?", "/help", "/nothing", "/bye", "never"}),
                 world.io),
        0);
    EXPECT_THAT(server.asked(1), ElementsAre("user: I am Ann", "assistant: Ann.", "user: Who am I?"));
    EXPECT_THAT(server.asked(2), ElementsAre("user: Who am I?"));
    EXPECT_THAT(world.out.str(), HasSubstr("You are Ann.\n"));
    EXPECT_THAT(world.out.str(), HasSubstr("/bye, Ctrl-D"));
    EXPECT_EQ(world.err.str(), "sarai: no command /nothing; /help lists them\n");
}

TEST(Run, SaysWhereALimitCutAnAnswerOff) {
    const std::string cut =
        "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"length\"}]}\n\ndata: [DONE]\n\n";
    const std::string full =
        "data: {\"error\":{\"message\":\"request (541 tokens) exceeds the available context size (512 tokens)\"}}\n\n";
    ChatServer server({{delta("Once upon"), cut}, {delta("Once upon"), cut}, {full}, {full}});
    World once;
    EXPECT_EQ(once.run({"run", "m", "Tell a story", "--url", server.url()}), 0);
    EXPECT_EQ(once.out.str(), "Once upon\n");
    EXPECT_EQ(once.err.str(),
              "sarai: the answer was cut off at a limit of its length: the context is full, or one is configured\n");
    World world;
    EXPECT_EQ(converse(server.origin(), "m", lines({"Tell a story", "Go on", "/clear", "A long question"}), world.io),
              0);
    EXPECT_THAT(
        world.out.str(),
        HasSubstr("Once upon\n(cut off at a limit of its length; where the context is full, /clear makes room)\n"));
    EXPECT_THAT(world.err.str(), AllOf(HasSubstr("context size (512 tokens). /clear forgets the conversation\n"),
                                       HasSubstr("context size (512 tokens)\n")));
}

TEST(Run, GoesOnAfterAFailedQuestionWithoutKeepingIt) {
    ChatServer server({{"data: {\"error\":{\"message\":\"busy\"}}\n\n"}, {delta("ok"), std::string(stream_end)}});
    World world;
    EXPECT_EQ(converse(server.origin(), "m", lines({"one", "two"}), world.io), 0);
    EXPECT_THAT(world.err.str(), HasSubstr("busy"));
    EXPECT_THAT(server.asked(1), ElementsAre("user: two"));
}

TEST(Run, StopsTheAnswerAndNotTheProgramOnCtrlC) {
    ChatServer server({{delta("Once upon"), "STALL"}, {delta("ok"), std::string(stream_end)}});
    World world;
    InterruptingBuffer screen("Once upon");
    std::ostream out(&screen);
    Io io{.in = world.in, .out = out, .err = world.err};
    EXPECT_EQ(converse(server.origin(), "m", lines({"Tell a story", "Thanks"}), io), 0);
    EXPECT_THAT(screen.str(), HasSubstr("Once upon\n(stopped)\nok\n"));
    EXPECT_THAT(server.asked(1), ElementsAre("user: Tell a story", "assistant: Once upon", "user: Thanks"));
}

TEST(Run, ForgetsAQuestionThatWasStoppedBeforeItsAnswer) {
    ChatServer server({{"SIGINT"}, {delta("ok"), std::string(stream_end)}});
    World world;
    EXPECT_EQ(converse(server.origin(), "m", lines({"Tell a story", "Thanks"}), world.io), 0);
    EXPECT_THAT(world.out.str(), HasSubstr("(stopped)\nok\n"));
    EXPECT_THAT(server.asked(1), ElementsAre("user: Thanks"));
}

TEST(Run, TakesCtrlCAtThePromptForAnEmptyLine) {
    ChatServer server({{delta("ok"), std::string(stream_end)}});
    World world;
    int calls = 0;
    const LineSource source = [&](const std::string&, const auto&) -> std::expected<std::string, LineEditor::NoLine> {
        if (++calls == 2) return "Hi";
        if (calls == 1) ::raise(SIGINT);
        return std::unexpected(LineEditor::NoLine::ended);
    };
    EXPECT_EQ(converse(server.origin(), "m", source, world.io), 0);
    EXPECT_EQ(calls, 3);
    EXPECT_THAT(world.out.str(), HasSubstr("/bye or Ctrl-D leaves.\nok\n"));
}

TEST(Run, KeepsTheLineThatIsTypedAfterACtrlCThatCameTooLateForTheAnswer) {
    ChatServer server({{delta("ok"), std::string(stream_end)}});
    World world;
    int calls = 0;
    const LineSource source = [&](const std::string&, const auto&) -> std::expected<std::string, LineEditor::NoLine> {
        ++calls;
        ::raise(SIGINT);
        return calls == 1 ? "Hi" : "/bye";
    };
    EXPECT_EQ(converse(server.origin(), "m", source, world.io), 0);
    EXPECT_EQ(calls, 2);
    EXPECT_THAT(world.out.str(), HasSubstr("ok\n"));
}

TEST(Run, TellsTheServerWhatIsTypedForAutoAlone) {
    for (const std::string model : {"Auto", "m"}) {
        ChatServer server({{delta("ok"), std::string(stream_end)}, {}});
        World world;
        int lines = 0;
        const LineSource source = [&](const std::string&,
                                      const auto& on_pause) -> std::expected<std::string, LineEditor::NoLine> {
            if (++lines > 2) return std::unexpected(LineEditor::NoLine::ended);
            if (lines == 1) return "Hi";
            for (int i = 0; i < 1000 && server.count() < 2; ++i) {
                EXPECT_TRUE(on_pause("How are you"));
                if (model == "m" && i > 20) break;
                std::this_thread::sleep_for(std::chrono::milliseconds(5));
            }
            return "/bye";
        };
        EXPECT_EQ(converse(server.origin(), model, source, world.io), 0);
        if (model == "m") {
            EXPECT_EQ(server.count(), 1U);
            continue;
        }
        ASSERT_EQ(server.count(), 2U);
        EXPECT_EQ(server.body(1), R"({"text":"How are you","conversation":[{"role":"user","content":"Hi"},)"
                                  R"({"role":"assistant","content":"ok"}]})");
    }
}

TEST(Run, EndsALineForASignalThatComesWhileOneTypes) {
    ChatServer server({});
    World world;
    int lines = 0;
    const LineSource source = [&](const std::string&,
                                  const auto& on_pause) -> std::expected<std::string, LineEditor::NoLine> {
        if (++lines == 2) return std::unexpected(LineEditor::NoLine::ended);
        EXPECT_TRUE(on_pause("half a li"));
        ::raise(SIGINT);
        EXPECT_FALSE(on_pause("half a line"));
        return std::unexpected(LineEditor::NoLine::interrupted);
    };
    EXPECT_EQ(converse(server.origin(), "m", source, world.io), 0);
    EXPECT_EQ(lines, 2);
    EXPECT_THAT(world.out.str(), HasSubstr("/bye or Ctrl-D leaves."));
}

TEST(TerminalFilter, DropsWhatSteersATerminal) {
    TerminalFilter filter;
    EXPECT_EQ(filter.pass("a\x1b[2Jb\r\n\tc\x07\x7f"), "a[2Jb\n\tc");
    EXPECT_EQ(filter.pass("caf\xc3"), "caf\xc3");
    EXPECT_EQ(filter.pass("\xa9 €"), "\xa9 €");
    EXPECT_EQ(filter.pass("\xc2"), "");
    EXPECT_EQ(filter.pass("\x9b"
                          "1m\xc2"),
              "1m");
    EXPECT_EQ(filter.pass("\xb0"), "°");
}

TEST(LoadingText, TellsHowFarALoadIsAndOtherwiseWhatIsAwaited) {
    EXPECT_EQ(
        loading_text(R"({"models":[{"name":"a","progress":0.1},{"name":"solar","progress":0.4}]})", "solar", false),
        "loading solar  ############..................  40 %");
    EXPECT_EQ(loading_text(R"({"models":[{"name":"solar","state":"remote"}]})", "solar", true), "waiting for solar");
    EXPECT_EQ(loading_text("<html>", "solar", true), "");
}

}  // namespace sarai::cli::run_test
