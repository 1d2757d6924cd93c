// A real llama-server goes on with an answer of its own: by the tokens, and by the text alone.
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <optional>

#include "real_engine.hpp"
#include "remote/openai_backend.hpp"

namespace sarai::remote::resume_test {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::size_t whole = 40;  // tokens of an answer
constexpr std::size_t kept = 15;   // of them, before its server was lost

test::fs::path model_of(const test::Folder& folder, const std::string& role) {
    // F32: a prompt is computed in batches, which round otherwise where weights are quantised.
    const auto made = test::run({test::synth(), role, "--size", "tiny", "--quant", "F32", "--seed", "4", "--tokenizer",
                                 "merging", "-o", (folder / "model.gguf").string()});
    if (made.status != 0) throw std::runtime_error(made.err);
    return folder / "model.gguf";
}

// One BPE and one SentencePiece tokenizer.
class Resume : public testing::TestWithParam<const char*> {
protected:
    llm::Request chat() const {
        return {.task = llm::Task::chat,
                .model = "m",
                .stream = true,
                .body = json::parse(R"({"model":"m","messages":[{"role":"user","content":"Tell me of the sea."}],)"
                                    R"("temperature":0,"max_tokens":40})")
                            .as_object()};
    }

    static asio::awaitable<std::vector<std::string>> read(llm::EventStream& stream) {
        std::vector<std::string> pieces;
        for (;;) {
            const auto event = co_await stream.next();
            if (!event) throw std::runtime_error(event.error().message);
            if (!*event) break;
            if (const auto text = llm::text_of(**event); !text.empty()) pieces.emplace_back(text);
        }
        co_return pieces;
    }
    template <class T>
    T run(asio::awaitable<T> task) {
        std::optional<T> result;
        asio::co_spawn(io, std::move(task), [&](std::exception_ptr thrown, T value) {
            if (thrown) std::rethrow_exception(thrown);
            result = std::move(value);
        });
        io.restart();
        io.run_for(std::chrono::seconds(60));
        return std::move(result.value());
    }
    std::vector<std::string> answer() {
        return run(
            [](std::shared_ptr<llm::Backend> from, llm::Request asked) -> asio::awaitable<std::vector<std::string>> {
                auto stream = co_await from->stream(asked);
                if (!stream) throw std::runtime_error(stream.error().message);
                co_return co_await read(**stream);
            }(backend, chat()));
    }
    struct Rest {
        std::string text;
        std::int64_t had = 0;
        bool exact = false;
    };
    Rest rest_of(llm::Partial partial) {
        return run(
            [](std::shared_ptr<llm::Backend> from, llm::Request asked, llm::Partial had) -> asio::awaitable<Rest> {
                auto resumed = co_await from->resume(asked, had);
                if (!resumed) throw std::runtime_error(resumed.error().message);
                Rest rest{.text = {}, .had = resumed->had, .exact = resumed->exact};
                for (const auto& piece : co_await read(*resumed->events)) rest.text += piece;
                co_return rest;
            }(backend, chat(), std::move(partial)));
    }

    test::Folder folder;
    test::RealEngine engine{model_of(folder, GetParam()), {"--jinja"}};
    asio::io_context io;
    std::shared_ptr<llm::Backend> backend =
        make_openai_backend(Link{.client = std::make_shared<net::Client>(
                                     io.get_executor(), net::Origin{.transport = net::Origin::Transport::unix_socket,
                                                                    .host = "localhost",
                                                                    .port = {},
                                                                    .socket = engine.socket()}),
                                 .name = "engine",
                                 .model = "m",
                                 .budgets = {},
                                 .continues = Continues::raw_text});
};

TEST_P(Resume, GoesOnFromTheTokensAsIfNothingHadHappened) {
    const auto pieces = answer();
    ASSERT_EQ(pieces.size(), whole) << "one event each";
    llm::Partial partial;
    std::string expected;
    for (std::size_t i = 0; i < whole; ++i) {
        (i < kept ? partial.text : expected) += pieces[i];
        if (i < kept) partial.ends.push_back(partial.text.size());
    }
    const auto rest = rest_of(partial);
    EXPECT_TRUE(rest.exact);
    EXPECT_EQ(rest.had, kept);
    EXPECT_EQ(rest.text, expected);
}

TEST_P(Resume, GoesOnFromTheTextWhereItIsAllThereIs) {
    const auto pieces = answer();
    llm::Partial partial;
    for (std::size_t i = 0; i < kept; ++i) partial.text += pieces[i];
    // Pieces of three bytes, as of a server that gathers what it has.
    for (std::size_t end = 3; end < partial.text.size(); end += 3) partial.ends.push_back(end);
    partial.ends.push_back(partial.text.size());
    const auto rest = rest_of(partial);
    EXPECT_FALSE(rest.exact);
    EXPECT_GT(rest.had, 0);
    EXPECT_FALSE(rest.text.empty());
    EXPECT_FALSE(rest.text.starts_with(partial.text)) << "nothing is repeated";
}

INSTANTIATE_TEST_SUITE_P(Tokenizers, Resume, testing::Values("lfm2", "solar"),
                         [](const auto& tested) { return std::string(tested.param); });

}  // namespace
}  // namespace sarai::remote::resume_test
