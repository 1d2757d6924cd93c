#include "remote_test.hpp"

namespace sarai::remote::answers_test {
namespace {

using testing::HasSubstr;

class RemoteAnswers : public RemoteTest {};
class OpenAiAnswers : public RemoteTest {};

}  // namespace

TEST_P(RemoteAnswers, StreamsTheWholeTextAndKeepsTheConnection) {
    for (int i = 0; i < 3; ++i) {
        const auto out = stream();
        EXPECT_TRUE(out.good()) << (out.error ? out.error->message : "");
        EXPECT_EQ(out.text, "t0 t1 t2 t3 t4 ");
    }
    EXPECT_EQ(upstream.connections(), 1U);
    EXPECT_EQ(upstream.disconnects(), 0);
}

TEST_P(RemoteAnswers, AsksForTheServersModelAndAnswersWithTheClients) {
    endpoint.api_key = "secret";
    const auto reply = complete();
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->at("model"), "mine");
    EXPECT_EQ(reply->at("choices").at(0).at("message").at("content"), json::value(FakeUpstream::text(5)));
    EXPECT_EQ(llm::usage_of(*reply)->completion_tokens, 5);
    const auto seen = upstream.requests().at(0);
    EXPECT_EQ(seen.target, GetParam() == Protocol::ollama ? "/api/chat" : "/v1/chat/completions");
    EXPECT_EQ(seen.authorization, "Bearer secret");
    EXPECT_EQ(json::parse(seen.body).at("model"), "theirs");
    EXPECT_EQ(json::parse(seen.body).at("stream"), false);
}

TEST_P(RemoteAnswers, CompletesTextAndEmbeds) {
    const auto completion = complete({.task = llm::Task::completion,
                                      .model = "mine",
                                      .body = json::parse(R"({"model":"mine","prompt":"p"})").as_object()});
    ASSERT_TRUE(completion.has_value()) << completion.error().message;
    EXPECT_EQ(completion->at("choices").at(0).at("text"), json::value(FakeUpstream::text(5)));
    const auto vectors = complete({.task = llm::Task::embedding,
                                   .model = "mine",
                                   .body = json::parse(R"({"model":"mine","input":"a"})").as_object()});
    ASSERT_TRUE(vectors.has_value()) << vectors.error().message;
    EXPECT_EQ(vectors->at("data").at(0).at("embedding"), (json::array{0.5, -0.25}));
}

TEST_P(OpenAiAnswers, RanksDocuments) {
    const auto request = [](std::string_view documents) {
        return llm::Request{
            .task = llm::Task::rerank,
            .model = "mine",
            .body = json::parse(R"({"model":"mine","query":"q","top_n":1,"documents":)" + std::string(documents) + "}")
                        .as_object()};
    };
    const auto ranking = complete(request(R"(["a","b"])"));
    ASSERT_TRUE(ranking.has_value()) << ranking.error().message;
    EXPECT_EQ(ranking->at("model"), "mine");
    EXPECT_EQ(ranking->at("results"), json::parse(R"([{"index":1,"relevance_score":0.75}])"));
    EXPECT_EQ(llm::usage_of(*ranking)->prompt_tokens, 9) << "servers that tell the sum alone";
    const auto seen = upstream.requests().at(0);
    EXPECT_EQ(seen.target, "/v1/rerank");
    EXPECT_EQ(json::parse(seen.body), json::parse(R"({"model":"theirs","query":"q","documents":["a","b"],"top_n":2})"));
    // It tells of two documents, whatever it is asked.
    const auto lost = complete(request(R"(["a","b","c"])"));
    ASSERT_FALSE(lost.has_value());
    EXPECT_EQ(lost.error().code, Code::upstream);
    EXPECT_EQ(lost.error().message, "box: the server scored 2 of 3 documents");
}

TEST_P(RemoteAnswers, JoinsCodePointsThatWereSplitAcrossChunks) {
    upstream.then({.fault = Fault::split_code_point, .tokens = 3});
    const auto out = stream();
    EXPECT_TRUE(out.good()) << (out.error ? out.error->message : "");
    EXPECT_EQ(out.text, "ñññ");
}

TEST_P(RemoteAnswers, WaitsForASlowStreamWhoseEveryChunkIsInTime) {
    budgets.silence = 1s;
    budgets.first_token = 1s;
    upstream.then({.tokens = 8, .body_delay = 200ms, .token_delay = 200ms});  // 1.6 s in all
    const auto out = stream();
    EXPECT_TRUE(out.good()) << (out.error ? out.error->message : "");
    EXPECT_EQ(out.text, FakeUpstream::text(8));
}

TEST_P(RemoteAnswers, LetsTheFirstTokenTakeLongerThanTheSilenceAfterIt) {
    budgets.silence = 500ms;
    budgets.first_token = 10s;
    upstream.then({.head_delay = 400ms, .body_delay = 700ms});
    const auto out = stream();
    EXPECT_TRUE(out.good()) << (out.error ? out.error->message : "");
}

TEST_P(RemoteAnswers, ToAProbeMeanThatTheServerIsAlive) {
    const auto probe = [&] {
        if (!client) client = std::make_shared<net::Client>(io.get_executor(), *net::Origin::parse(upstream.url()));
        return run(GetParam() == Protocol::ollama ? probe_ollama(client, endpoint, budgets)
                                                  : probe_openai(client, endpoint, budgets));
    };
    EXPECT_TRUE(probe().has_value());
    for (const unsigned status : {401U, 403U, 404U}) {
        upstream.then({.status = status});
        EXPECT_TRUE(probe().has_value()) << status;
    }
    upstream.then({.status = 503});
    EXPECT_EQ(probe().error().code, Code::busy);
    budgets.connect = 100ms;
    upstream.then({.fault = Fault::silent});
    EXPECT_EQ(probe().error().code, Code::timeout);
    budgets = patient;
    upstream.refuse();
    client->drop_idle();
    EXPECT_EQ(probe().error().code, Code::unavailable);
    upstream.listen();
    EXPECT_TRUE(probe().has_value());
    for (const auto& request : upstream.requests()) EXPECT_EQ(request.method, "GET");
}

TEST_P(RemoteAnswers, AreSharedByRequestsAtTheSameTime) {
    upstream.set_default({.token_delay = 20ms});
    const auto shared = backend();
    std::vector<Outcome> outcomes(4);
    for (auto& outcome : outcomes)
        asio::co_spawn(io, read(shared, chat()),
                       [&outcome](const std::exception_ptr&, Outcome got) { outcome = std::move(got); });
    io.run_for(20s);
    for (const auto& outcome : outcomes) {
        EXPECT_TRUE(outcome.good());
        EXPECT_EQ(outcome.text, FakeUpstream::text(5));
    }
    EXPECT_EQ(upstream.most_active(), 4);
}

INSTANTIATE_TEST_SUITE_P(Both, RemoteAnswers, both_kinds(), kind_name);

TEST_P(OpenAiAnswers, ComeFromABackendThatNoConfigurationNames) {
    client = std::make_shared<net::Client>(io.get_executor(), *net::Origin::parse(upstream.url() + "/v1/"));
    const auto worker = make_openai_backend(Link{
        .client = client, .name = {}, .model = "w", .budgets = budgets, .headers = {{"Authorization", "Bearer k"}}});
    const auto reply = run(whole(worker, chat()));
    ASSERT_TRUE(reply.has_value()) << reply.error().message;
    EXPECT_EQ(reply->at("model"), "mine");
    EXPECT_EQ(upstream.requests().at(0).authorization, "Bearer k");
    EXPECT_EQ(json::parse(upstream.requests().at(0).body).at("model"), "w");
}

INSTANTIATE_TEST_SUITE_P(Only, OpenAiAnswers, testing::Values(Protocol::openai), kind_name);

}  // namespace sarai::remote::answers_test
