// A backend of either kind against a fake upstream, both driven from a test's own thread.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json/parse.hpp>
#include <optional>

#include "remote/ollama_backend.hpp"
#include "remote/openai_backend.hpp"
#include "support/fake_upstream.hpp"

namespace sarai::remote {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;
using sarai::test::FakeUpstream;
using sarai::test::Fault;
using sarai::test::Protocol;
using sarai::test::Script;

// What came of a stream.
struct Outcome {
    std::string text;
    std::string finish_reason;
    int events = 0;
    bool accepted = false;       // stream() succeeded
    std::optional<Error> error;  // of stream() or of next()

    [[nodiscard]] bool good() const { return accepted && !error && finish_reason == "stop"; }
};

class RemoteTest : public testing::TestWithParam<Protocol> {
protected:
    RemoteTest() : upstream(GetParam()) { budgets = {.connect = 1s, .first_token = 2s, .silence = 2s, .total = 2s}; }

    [[nodiscard]] std::shared_ptr<llm::Backend> backend() {
        if (!client) client = std::make_shared<net::Client>(io.get_executor(), *net::Origin::parse(upstream.url()));
        const config::RemoteModel model{.model = "theirs", .budgets = budgets};
        return GetParam() == Protocol::ollama ? make_ollama_backend(client, model, endpoint)
                                              : make_openai_backend(client, model, endpoint);
    }

    [[nodiscard]] static llm::Request chat() {
        return {.task = llm::Task::chat,
                .model = "mine",
                .body = json::parse(R"({"model":"mine","messages":[{"role":"user","content":"hi"}]})").as_object(),
                .id = "r1"};
    }

    // Runs a coroutine to its end and gives its result.
    template <class T>
    T run(asio::awaitable<T> task) {
        std::optional<T> result;
        std::exception_ptr failed;
        asio::co_spawn(io, std::move(task), [&](std::exception_ptr e, T value) {
            failed = e;
            result = std::move(value);
        });
        io.restart();
        io.run_for(20s);
        if (failed) std::rethrow_exception(failed);
        if (!result) throw std::runtime_error("the coroutine did not end");
        return std::move(*result);
    }

    // Reads a stream to its end, or `at_most` events of it.
    static asio::awaitable<Outcome> read(std::shared_ptr<llm::Backend> from, llm::Request request, int at_most = 1000) {
        Outcome out;
        auto stream = co_await from->stream(request);
        if (!stream) {
            out.error = stream.error();
            co_return out;
        }
        out.accepted = true;
        while (out.events < at_most) {
            auto event = co_await (*stream)->next();
            if (!event) {
                out.error = event.error();
                break;
            }
            if (!*event) break;
            ++out.events;
            out.text += llm::text_of(**event);
            if (const auto reason = llm::finish_reason_of(**event); !reason.empty()) out.finish_reason = reason;
        }
        co_return out;
    }

    Outcome stream(llm::Request request = chat()) { return run(read(backend(), std::move(request))); }

    static asio::awaitable<Result<json::object>> whole(std::shared_ptr<llm::Backend> from, llm::Request request) {
        co_return co_await from->complete(request);
    }
    Result<json::object> complete(llm::Request request = chat()) { return run(whole(backend(), std::move(request))); }

    // One scripted failure, then a good request on the same backend.
    Outcome fails_then_recovers(Script script) {
        upstream.then(std::move(script));
        auto failed = stream();
        EXPECT_TRUE(failed.error.has_value());
        // The one that is well may take its time on a busy machine.
        const auto tight = std::exchange(budgets, patient);
        const auto good = stream();
        budgets = tight;
        EXPECT_TRUE(good.good()) << (good.error ? good.error->message : "");
        EXPECT_EQ(good.text, FakeUpstream::text(5));
        return failed;
    }

    FakeUpstream upstream;
    asio::io_context io;
    static constexpr config::TimeBudgets patient{.connect = 5s, .first_token = 10s, .silence = 10s, .total = 10s};
    config::TimeBudgets budgets;
    config::Endpoint endpoint{.url = {}, .api_key = {}, .name = "box"};
    std::shared_ptr<net::Client> client;
};

inline auto both_kinds() { return testing::Values(Protocol::ollama, Protocol::openai); }
inline std::string kind_name(const testing::TestParamInfo<Protocol>& info) {
    return info.param == Protocol::ollama ? "Ollama" : "OpenAi";
}

}  // namespace sarai::remote
