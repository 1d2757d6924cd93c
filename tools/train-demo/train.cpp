#include "train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numbers>
#include <optional>
#include <thread>
#include <utility>

#include "augment.hpp"
#include "graph.hpp"
#include "optimizer.hpp"
#include "turns.hpp"

namespace train_demo {
namespace {

using sarai::Code;
using sarai::fail;
using sarai::Result;
using sarai::router::Random;
using Clock = std::chrono::steady_clock;

constexpr int warm_up = 100;          // steps
constexpr float lowest_rate = 0.02F;  // of the highest, at the end
constexpr int points = 40;            // of the curve

// Both languages of a topic lose the same share, as far as that goes.
std::vector<Question> hold_out(std::vector<Question>& questions, float share, Random& random) {
    random.shuffle(questions);
    std::ranges::stable_sort(questions, {}, [](const Question& one) { return std::pair(one.topic, one.language); });
    std::vector<Question> held, kept;
    float due = 0.5F;
    for (auto& one : questions) {
        due += share;
        (due >= 1 ? held : kept).push_back(std::move(one));
        due -= due >= 1 ? 1 : 0;
    }
    questions = std::move(kept);
    return held;
}

class Trainer {
public:
    Trainer(const Corpus& corpus, const Options& options)
        : corpus_(corpus), options_(options), random_(options.seed), learnt_(corpus.questions) {
        held_ = hold_out(learnt_, options.held_out, random_);
    }

    Result<Training> run() {
        if (learnt_.empty())
            return fail(Code::invalid_argument, "the corpus has no questions to learn from, expected some");
        if (options_.steps < 1)
            return fail(Code::invalid_argument, fmt::format("steps is {}, expected at least 1", options_.steps));
        if (const auto possible = check(options_.shape); !possible) return std::unexpected(possible.error());
        std::vector<std::string> topics;
        for (const auto& topic : corpus_.topics) topics.push_back(fmt::format("<|topic:{}|>", topic.id));
        auto tokenizer = Tokenizer::learn(texts(), static_cast<std::size_t>(options_.shape.vocabulary), topics);
        auto shape = options_.shape;
        shape.vocabulary = static_cast<int>(tokenizer.size());  // fewer where the corpus is small, and its topics
        auto parameters = Parameters::make(shape, options_.seed);
        if (!parameters) return std::unexpected(parameters.error());
        turns_.emplace(corpus_, learnt_, tokenizer, options_.seed);
        for (int i = 0; i < options_.graphs; ++i) {
            auto graph = Graph::make(shape, *parameters, options_.rows, options_.length,
                                     options_.seed + static_cast<std::uint64_t>(i));
            if (!graph) return std::unexpected(graph.error());
            graphs_.push_back(std::move(*graph));
        }
        prepare_held_out();
        learn(*parameters);
        return Training{.tokenizer = std::move(tokenizer),
                        .parameters = std::move(*parameters),
                        .curve = std::move(curve_),
                        .held_out = std::move(held_),
                        .learnt = learnt_.size(),
                        .tokens = tokens_};
    }

private:
    // An answer counts with each of its questions, as it is learnt with each.
    [[nodiscard]] std::vector<std::string> texts() const {
        std::vector<std::string> all;
        Random random(options_.seed);
        for (const auto& one : learnt_) {
            all.push_back(one.text);
            all.push_back(vary(one.text, one.language, random));
            all.push_back(corpus_.answer_to(one));
        }
        return all;
    }

    [[nodiscard]] Rows empty_rows() const { return {options_.rows, options_.length, end_token}; }

    // One of each graph's, in which the held-out questions come in any order.
    void prepare_held_out() {
        std::vector<Turn> turns;
        auto order = held_;
        random_.shuffle(order);
        for (const auto& one : order) turns.push_back(turns_->plain(one));
        std::span<const Turn> rest(turns);
        while (!rest.empty() && held_rows_.size() < 2 * graphs_.size()) {
            held_rows_.push_back(empty_rows());
            rest = rest.subspan(pack(rest, held_rows_.back()));
        }
    }

    // Each epoch in an order of its own; what does not fit any more comes first the next time.
    Rows next_rows() {
        const auto needed = static_cast<std::size_t>(options_.rows) * static_cast<std::size_t>(options_.length) / 8;
        while (ahead_.size() < needed) {
            if (place_ == learnt_.size()) place_ = 0;
            if (place_ == 0) random_.shuffle(learnt_);
            ahead_.push_back(turns_->varied(learnt_[place_++]));
        }
        auto rows = empty_rows();
        const auto taken = pack(ahead_, rows);
        ahead_.erase(ahead_.begin(), ahead_.begin() + static_cast<std::ptrdiff_t>(taken));
        return rows;
    }

    // The mean loss of a weight of 1; leaves the graphs with their gradients.
    double run(std::span<const Rows> all, float dropped) {
        float weight = 0;
        for (const auto& rows : all) weight += rows.weight();
        std::vector<double> losses(all.size());
        {
            const auto count = static_cast<std::size_t>(std::max(1, options_.threads));
            std::vector<std::jthread> threads;  // last: joined before anything goes that they use
            for (std::size_t first = 0; first < std::min(count, all.size()); ++first)
                threads.emplace_back([&, first] {
                    for (std::size_t i = first; i < all.size(); i += count)
                        losses[i] = graphs_[i].run(all[i], 1 / std::max(weight, 1.0F), dropped);
                });
        }
        double sum = 0;
        for (const double loss : losses) sum += loss;
        return sum / static_cast<double>(std::max(weight, 1.0F));
    }

    double held_out_loss() {
        double sum = 0;
        int count = 0;
        for (std::size_t i = 0; i < held_rows_.size(); i += graphs_.size(), ++count)
            sum += run(std::span(held_rows_).subspan(i, std::min(graphs_.size(), held_rows_.size() - i)), 0);
        return count > 0 ? sum / count : 0;
    }

    [[nodiscard]] float rate_at(int step) const {
        const float part = static_cast<float>(step) / static_cast<float>(options_.steps);
        const float down = lowest_rate + (1 - lowest_rate) * 0.5F * (1 + std::cos(std::numbers::pi_v<float> * part));
        return options_.rate * down * std::min(1.0F, static_cast<float>(step + 1) / warm_up);
    }

    void learn(const Parameters& parameters) {
        Optimizer optimizer(parameters);
        Progress progress{.steps = options_.steps};
        double sum = 0;
        int since = 0;
        const auto begun = Clock::now();
        for (int step = 0; step < options_.steps; ++step) {
            std::vector<Rows> all;
            for (std::size_t i = 0; i < graphs_.size(); ++i) all.push_back(next_rows());
            const double loss = run(all, options_.dropped);
            optimizer.step(graphs_, rate_at(step), options_.decay);
            for (const auto& rows : all) tokens_ += std::ssize(rows.tokens);
            sum += loss;
            ++since;
            progress.step = step + 1;
            progress.loss = progress.loss == 0 ? loss : 0.95 * progress.loss + 0.05 * loss;
            if ((step + 1) * points / options_.steps != step * points / options_.steps) {
                progress.held_out = held_out_loss();
                curve_.learnt.push_back(sum / since);
                curve_.held_out.push_back(progress.held_out);
                sum = since = 0;
            }
            progress.per_second =
                static_cast<double>(tokens_) / std::chrono::duration<double>(Clock::now() - begun).count();
            if (options_.on_progress) options_.on_progress(progress);
        }
    }

    const Corpus& corpus_;
    const Options& options_;
    Random random_;
    std::vector<Question> learnt_, held_;
    std::optional<Turns> turns_;
    std::vector<Graph> graphs_;
    std::vector<Rows> held_rows_;
    std::vector<Turn> ahead_;
    std::size_t place_ = 0;
    Curve curve_;
    std::int64_t tokens_ = 0;
};

}  // namespace

Result<Training> train(const Corpus& corpus, const Options& options) { return Trainer(corpus, options).run(); }

}  // namespace train_demo
