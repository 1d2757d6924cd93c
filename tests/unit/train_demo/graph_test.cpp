#include "graph.hpp"

#include <gmock/gmock.h>

#include <cmath>
#include <filesystem>

#include "evaluate.hpp"
#include "gguf_file.hpp"
#include "optimizer.hpp"
#include "train.hpp"
#include "turns.hpp"

namespace train_demo::graph_test {
namespace {

constexpr Shape small{.vocabulary = 300, .embedding = 64, .heads = 2, .hidden = 96, .layers = 2};

Rows some_rows() {
    std::vector<Turn> turns;
    for (std::int32_t i = 0; i < 6; ++i)
        turns.push_back(
            {.tokens = {1, 20 + i, 30, 2, 70 + 2 * i, 80, 90 + i, 0}, .weights = {0, 0.1F, 0.1F, 0, 1, 1, 1, 1}});
    Rows rows(2, 32, 0);
    pack(turns, rows);
    return rows;
}

TEST(Graph, GradientsAreSlopesOfTheLoss) {
    const auto parameters = Parameters::make(small, 3);
    ASSERT_TRUE(parameters) << parameters.error().message;
    auto graph = Graph::make(small, *parameters, 2, 32);
    ASSERT_TRUE(graph) << graph.error().message;
    const auto rows = some_rows();
    graph->run(rows, 1);
    std::vector<std::vector<float>> gradients;
    for (std::size_t i = 0; i < parameters->size(); ++i)
        gradients.emplace_back(graph->gradient(i).begin(), graph->gradient(i).end());
    for (std::size_t i = 0; i < parameters->size(); ++i) {
        // Along the gradient itself, which is far above what rounding does.
        const auto values = parameters->values(i);
        double square = 0;
        for (const float one : gradients[i]) square += static_cast<double>(one) * static_cast<double>(one);
        ASSERT_GT(square, 0) << i;
        const auto step = static_cast<float>(2e-2 / std::sqrt(square));
        const std::vector<float> before(values.begin(), values.end());
        const auto loss_at = [&](float along) {
            for (std::size_t j = 0; j < values.size(); ++j) values[j] = before[j] + along * gradients[i][j];
            return graph->run(rows, 1);
        };
        const double slope = (loss_at(step) - loss_at(-step)) / (2 * static_cast<double>(step));
        std::ranges::copy(before, values.begin());
        EXPECT_NEAR(slope / square, 1, 0.03) << trained_tensors(small)[i].name;
    }
}

TEST(Graph, LeavesOutAsChanceWills) {
    const auto parameters = Parameters::make(small, 3);
    auto graph = Graph::make(small, *parameters, 2, 32, 5);
    ASSERT_TRUE(graph) << graph.error().message;
    const auto rows = some_rows();
    const double whole = graph->run(rows, 1);
    EXPECT_NE(graph->run(rows, 1, 0.2F), graph->run(rows, 1, 0.2F));
    EXPECT_EQ(graph->run(rows, 1), whole);
}

TEST(Graph, DoesNotSeeOtherTurns) {
    const auto parameters = Parameters::make(small, 3);
    auto graph = Graph::make(small, *parameters, 1, 32);
    ASSERT_TRUE(graph) << graph.error().message;
    const auto loss_after = [&](std::int32_t first, std::int32_t own) {
        const std::vector<Turn> turns{{.tokens = {1, first, 2}, .weights = {0, 0, 0}},
                                      {.tokens = {1, own, 2, 60}, .weights = {0, 0, 0, 1}}};
        Rows rows(1, 32, 0);
        pack(turns, rows);
        return graph->run(rows, 1);
    };
    EXPECT_FLOAT_EQ(loss_after(100, 50), loss_after(200, 50));
    EXPECT_GT(std::abs(loss_after(100, 50) - loss_after(100, 51)), 1e-5);
}

// What was trained is what llama.cpp computes: rotation, norms, tied output, the order of everything.
TEST(GgufFile, AnswersInLlamaCppAsItWasTrained) {
    Corpus corpus;
    for (int i = 0; i < 6; ++i) {
        const auto name = std::string(1, static_cast<char>('a' + i));
        corpus.topics.push_back({.id = name, .answers = {"The answer is " + name + " 🙂", "La respuesta es " + name}});
        for (const auto language : all_languages)
            for (const char* form : {"What is {}", "¿Qué es {}?", "{} please"}) {
                std::string text = form;
                text.replace(text.find("{}"), 2, std::string(4, name[0]));
                corpus.questions.push_back({.text = text + (language == Language::es ? " en español" : ""),
                                            .topic = static_cast<std::size_t>(i),
                                            .language = language});
            }
    }
    Options options{.shape = small, .steps = 150, .rows = 2, .length = 64, .rate = 5e-3F, .dropped = 0, .held_out = 0};
    options.shape.vocabulary = 320;
    const auto training = train(corpus, options);
    ASSERT_TRUE(training) << training.error().message;
    EXPECT_LT(training->curve.learnt.back(), 0.4 * training->curve.learnt.front());

    auto shape = options.shape;
    shape.vocabulary = static_cast<int>(training->tokenizer.size());
    const auto file = std::filesystem::path(testing::TempDir()) / "sarai-train-demo-test.gguf";
    const auto written = write_gguf(shape, training->parameters, training->tokenizer, {}, file);
    ASSERT_TRUE(written) << written.error().message;
    auto speaker = Speaker::open(file, 1);
    ASSERT_TRUE(speaker) << speaker.error().message;
    EXPECT_EQ(cut_differently(*speaker, training->tokenizer, corpus), "");

    // The losses of both: a turn's tokens but the last, and what the graph thinks of the last.
    auto graph = Graph::make(shape, training->parameters, 1, 64);
    ASSERT_TRUE(graph) << graph.error().message;
    Turns turns(corpus, {}, training->tokenizer, 1);
    auto turn = turns.plain(corpus.questions[3]);
    std::ranges::fill(turn.weights, 0.0F);
    turn.weights.back() = 1;
    Rows rows(1, 64, 0);
    pack(std::span(&turn, 1), rows);
    const double trained = graph->run(rows, 1);
    auto tokens = turn.tokens;
    const auto last = static_cast<std::size_t>(tokens.back());
    tokens.pop_back();
    const auto logits = speaker->logits_after(tokens);
    ASSERT_EQ(logits.size(), training->tokenizer.size());
    double sum = 0;
    for (const float logit : logits) sum += std::exp(static_cast<double>(logit));
    EXPECT_NEAR(std::log(sum) - static_cast<double>(logits[last]), trained, 0.05 + 0.1 * trained);
    std::filesystem::remove(file);
}

TEST(Training, IsTheSameForAnyNumberOfThreads) {
    const Corpus corpus{.topics = {{.id = "a", .answers = {"Yes.", "Sí."}}}, .questions = {{.text = "Really?"}}};
    std::vector<std::vector<double>> losses;
    for (const int threads : {1, 2}) {
        const auto training = train(corpus, {.shape = small, .steps = 5, .rows = 1, .length = 32, .threads = threads});
        ASSERT_TRUE(training) << training.error().message;
        losses.push_back(training->curve.learnt);
    }
    EXPECT_EQ(losses[0], losses[1]);
}

TEST(Training, RefusesShapesThatNoFileCanHave) {
    const Corpus corpus{.topics = {{.id = "a", .answers = {"Yes.", "Sí."}}}, .questions = {{.text = "Really?"}}};
    for (const auto& [shape, message] : {std::pair{Shape{.embedding = 100, .heads = 5}, "width is 100, expected a"},
                                         {Shape{.hidden = 100}, "hidden is 100, expected a multiple of 32"},
                                         {Shape{.heads = 5}, "heads is 5, expected what divides half of the width"}}) {
        const auto training = train(corpus, {.shape = shape});
        ASSERT_FALSE(training);
        EXPECT_THAT(training.error().message, testing::StartsWith(message));
    }
}

TEST(Similarity, IsTheShareThatStays) {
    EXPECT_EQ(similarity("abcd", "abcd"), 1);
    EXPECT_EQ(similarity("abcd", "abxd"), 0.75);
    EXPECT_EQ(similarity("", "abc"), 0);
    EXPECT_EQ(similarity("", ""), 1);
}

}  // namespace
}  // namespace train_demo::graph_test
