#include "cli/talk.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <fstream>
#include <iterator>
#include <mutex>

#include "cli/talk_view.hpp"
#include "support.hpp"
#include "support/temp_folder.hpp"

namespace sarai::cli::talk_test {
namespace {

namespace json = boost::json;
using NoLine = LineEditor::NoLine;
using testing::HasSubstr;
using testing::Not;

// Answers every question with "ok" and headers, where its model is called "late" with these in the chunks; but those to
// the model "deaf", which takes no attachments.
class Server {
public:
    Server() : upstream_([this](net::Exchange& exchange) { return answer(exchange); }) {}

    [[nodiscard]] net::Origin origin() const { return net::Origin::parse(upstream_.url()).value(); }
    [[nodiscard]] std::vector<json::object> asked() {
        const std::scoped_lock lock(mutex_);
        return asked_;
    }

private:
    net::asio::awaitable<void> answer(net::Exchange& exchange) {
        const auto target = exchange.path();
        if (target == "/v1/models")
            co_return (void) co_await exchange.respond(
                {.status = 200,
                 .body = R"({"data": [{"id": "lfm2"}, {"id": "omni"}, {"id": "deaf"}, {"id": "late"}]})"});
        if (target == "/sarai/plan")
            co_return (void) co_await exchange.respond({.status = 200, .body = R"({
                "models": [{"name": "lfm2", "backend": "gguf_native", "total_bytes": 1073741824},
                           {"name": "solar", "backend": "ollama_http", "total_bytes": 0}],
                "fallbacks": [{"name": "solar", "backend": "gguf_native", "total_bytes": 0, "error": "no file"}],
                "total_bytes": 1073741824, "budget_bytes": 4294967296, "fits": true})"});
        const auto request = json::parse(std::string_view(exchange.request().body())).as_object();
        const auto& last = request.at("messages").as_array().back().at("content");
        {
            const std::scoped_lock lock(mutex_);
            asked_.push_back(request);
        }
        if (request.at("model") == "deaf" && last.is_array())
            co_return (void) co_await exchange.respond(
                {.status = 400, .body = R"({"error": {"message": "model 'deaf' cannot see"}})"});
        if (request.at("model") == "late") co_return co_await answer_late(exchange);
        exchange.start(200, "text/event-stream",
                       {{"x-sarai-model", "lfm2"},
                        {"x-sarai-backend", "gguf_native"},
                        {"x-sarai-endpoint", "local"},
                        {"x-sarai-reason", "asked for"}});
        (void)co_await exchange.write(delta("ok"));
        (void)co_await exchange.write(
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":3,\"completion_tokens\":12,\"total_tokens\":15}}\n\n");
        (void)co_await exchange.write(std::string(stream_end));
        (void)co_await exchange.finish();
    }

    static net::asio::awaitable<void> answer_late(net::Exchange& exchange) {
        exchange.start(200, "text/event-stream", {});
        (void)co_await exchange.write(
            R"(data: {"choices":[{"index":0,"delta":{"content":"so"}}],"sarai_route":{"model":"solar",)"
            R"("backend":"ollama_http","endpoint":"box","reason":"next endpoint","fallback":true}})"
            "\n\n");
        (void)co_await exchange.write(R"(data: {"choices":[{"index":0,"delta":{"content":" so"}}],)"
                                      R"("sarai_failover":{"from":"box","to":"local","tokens":1,"reason":"gone"}})"
                                      "\n\n");
        (void)co_await exchange.write(std::string(stream_end));
        (void)co_await exchange.finish();
    }

    std::mutex mutex_;
    std::vector<json::object> asked_;
    Upstream upstream_;
};

class Talks : public testing::Test {
protected:
    // Each is a line, or why there is none.
    using Entry = std::expected<std::string, NoLine>;

    int talk(std::vector<Entry> entries) {
        std::size_t at = 0;
        const LineSource source = [&](const std::string& prompt, const auto&) -> Entry {
            prompts += prompt;
            return at == entries.size() ? std::unexpected(NoLine::ended) : entries[at++];
        };
        const int status = converse(server.origin(), "lfm2", source, world.io);
        left = entries.size() - at;
        return status;
    }
    [[nodiscard]] std::string said(std::size_t request) {
        return json::serialize(server.asked().at(request).at("messages").as_array().back().at("content"));
    }
    std::filesystem::path picture() {
        const auto path = folder.path() / "a.png";
        std::ofstream(path, std::ios::binary) << std::string("\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 16);
        return path;
    }
    [[nodiscard]] static std::string content(const std::filesystem::path& path) {
        std::ifstream file(path);
        return {std::istreambuf_iterator<char>(file), {}};
    }

    Server server;
    World world;
    test::TempFolder folder;
    std::string prompts;
    std::size_t left = 0;
};

}  // namespace

TEST_F(Talks, TakeSeveralLinesForOneMessageAlsoWhereTheyLookLikeCommands) {
    EXPECT_EQ(talk({R"(""")", "/bye", "now", R"(""")", "one\\", "two", "/bye", "never"}), 0);
    EXPECT_EQ(said(0), R"("/bye\nnow")");
    EXPECT_EQ(said(1), R"("one\ntwo")");
    EXPECT_THAT(prompts, HasSubstr("lfm2> ... ... ... lfm2> ... lfm2> "));
    EXPECT_EQ(left, 1U);
}

TEST_F(Talks, EndAtTheSecondCtrlCAtAnEmptyLine) {
    const Entry empty = std::unexpected(NoLine::left);
    const Entry typed = std::unexpected(NoLine::interrupted);
    EXPECT_EQ(talk({empty, "Hi", empty, typed, typed, typed, empty, empty, "never"}), 0);
    EXPECT_EQ(left, 1U);
    EXPECT_THAT(world.out.str(), HasSubstr("Ctrl-C once more, /bye or Ctrl-D leaves.\n"));
}

TEST_F(Talks, GiveUpALongTextAtCtrlC) {
    EXPECT_EQ(talk({R"(""")", "lost", std::unexpected(NoLine::left), "Hi"}), 0);
    EXPECT_EQ(said(0), R"("Hi")");
}

TEST_F(Talks, SayWhoAnsweredWhyAndHowFast) {
    EXPECT_EQ(talk({"/why", "Hi", "/why"}), 0);
    EXPECT_THAT(world.out.str(), HasSubstr("nothing was answered yet\n"));
    EXPECT_THAT(world.out.str(), HasSubstr("  model       lfm2\n  backend     gguf_native\n  endpoint    local\n"
                                           "  reason      asked for\n  first token "));
}

TEST_F(Talks, SayWhoAnsweredWhereTheHeadersHadLeftBefore) {
    EXPECT_EQ(talk({"/model late", "Hi", "/why"}), 0);
    EXPECT_THAT(world.out.str(), HasSubstr("so so"));
    EXPECT_THAT(world.out.str(), HasSubstr("next endpoint"));
    EXPECT_THAT(world.out.str(), HasSubstr("  model       solar\n  backend     ollama_http\n  endpoint    box\n"
                                           "  reason      next endpoint\n"
                                           "  failover    local went on after 1 tokens of box: gone\n"));
}

TEST_F(Talks, GoOnWithAnotherModelOfWhichTheServerKnows) {
    EXPECT_EQ(talk({"Hi", "/model omin", "/model omni", "And you?"}), 0);
    EXPECT_EQ(world.err.str(), "sarai: no model omin; did you mean omni?\n");
    EXPECT_EQ(server.asked().at(1).at("model"), "omni");
    EXPECT_EQ(server.asked().at(1).at("messages").as_array().size(), 3U);
    EXPECT_THAT(prompts, HasSubstr("omni> "));
}

TEST_F(Talks, KeepAnAttachmentUntilAModelTookIt) {
    const auto path = picture().string();
    EXPECT_EQ(talk({"/image " + path + ".none", "/model deaf", "/image " + path, "What is it?", "/model lfm2",
                    "What is it?", "And now?"}),
              0);
    EXPECT_THAT(world.out.str(), HasSubstr("(a.png, PNG, 16 B: goes with the next message)"));
    EXPECT_THAT(world.err.str(), HasSubstr("there is no "));
    EXPECT_THAT(world.err.str(), HasSubstr("model 'deaf' cannot see"));
    EXPECT_THAT(said(1), HasSubstr("data:image/png;base64,"));
    EXPECT_EQ(server.asked().at(1).at("messages").as_array().size(), 1U);  // the refused question is forgotten
    EXPECT_EQ(said(2), R"("And now?")");
}

TEST_F(Talks, DropAnAttachmentThatTheModelCannotTake) {
    EXPECT_EQ(talk({"/model deaf", "/image " + picture().string(), "What is it?", "/audio", "Again?", "/image",
                    "Never mind.", "/image"}),
              0);
    EXPECT_THAT(world.out.str(), HasSubstr("(a.png: goes with the next message; /image alone drops it)\n"));
    EXPECT_THAT(world.out.str(), HasSubstr("(nothing waits; /audio takes a path)\n"));
    EXPECT_THAT(said(1), HasSubstr("data:image/png;base64,"));  // /audio dropped no picture
    EXPECT_THAT(world.out.str(), HasSubstr("(1 dropped)\n"));
    EXPECT_EQ(said(2), R"("Never mind.")");
    EXPECT_THAT(world.out.str(), HasSubstr("(nothing waits; /image takes a path)\n"));
}

TEST_F(Talks, SetWhatTheModelIsToBeAndHowWarm) {
    EXPECT_EQ(talk({"/set system Be brief.", "/set temperature 0.5", "Hi", "/set system", "/set temperature",
                    "/set temperature hot", "Hi"}),
              0);
    const auto first = server.asked().at(0);
    EXPECT_EQ(first.at("messages").as_array().front().at("content"), "Be brief.");
    EXPECT_EQ(first.at("temperature"), 0.5);
    const auto second = server.asked().at(1);
    EXPECT_EQ(second.at("messages").as_array().front().at("role"), "user");
    EXPECT_FALSE(second.contains("temperature"));
    EXPECT_THAT(world.err.str(), HasSubstr("temperature is \"hot\"; expected a number from 0 to 2"));
}

TEST_F(Talks, AreSavedAsMarkdownOrJsonAndOverwriteNothingOfOthers) {
    const auto markdown = folder.path() / "talk.md";
    const auto other = folder.path() / "other.json";
    std::ofstream(other) << "mine";
    EXPECT_EQ(
        talk({"Hi", "/save " + markdown.string(), "/save " + other.string(), "Again", "/save " + markdown.string(),
              "/save " + (folder.path() / "talk.json").string(), "/save /nowhere/x.md"}),
        0);
    EXPECT_EQ(content(markdown),
              "# Conversation with lfm2\n\n## You\n\nHi\n\n## lfm2\n\nok\n\n## You\n\nAgain\n\n## lfm2\n\nok\n");
    EXPECT_EQ(content(other), "mine");
    EXPECT_THAT(content(folder.path() / "talk.json"), HasSubstr(R"({"model":"lfm2","messages":[{"role":"user")"));
    EXPECT_THAT(world.err.str(), HasSubstr("other.json exists; expected a new name"));
    EXPECT_THAT(world.err.str(), HasSubstr("cannot write /nowhere/x.md"));
    EXPECT_THAT(world.out.str(), HasSubstr("(4 messages in "));
}

TEST_F(Talks, ShowThePlan) {
    EXPECT_EQ(talk({"/plan"}), 0);
    EXPECT_THAT(world.out.str(), HasSubstr("MODEL             BACKEND        MEMORY\n"
                                           "lfm2              gguf_native  1.00 GiB\n"
                                           "solar             ollama_http         -\n"
                                           "solar (fallback)  gguf_native         -  no file\n"
                                           "1.00 GiB of 4.00 GiB: fits\n"));
}

TEST(AnswerFacts, HaveASpeedWhereThereWasTimeForOne) {
    using namespace std::chrono_literals;
    const AnswerFacts facts{.model = "m", .first_text = 500ms, .whole = 2500ms, .tokens = 21};
    EXPECT_EQ(answer_facts_text(facts),
              "  model       m\n  first token 0.50 s\n  speed       10.0 tokens/s, 21 tokens in 2.5 s\n");
    AnswerFacts told = facts;
    told.rate = 7.25;
    EXPECT_THAT(answer_facts_text(told), HasSubstr("speed       7.2 tokens/s, 21 tokens in 2.5 s"));
    EXPECT_THAT(answer_facts_text(AnswerFacts{.model = "m", .first_text = 500ms, .whole = 500ms, .tokens = 1}),
                Not(HasSubstr("speed")));
}

}  // namespace sarai::cli::talk_test
