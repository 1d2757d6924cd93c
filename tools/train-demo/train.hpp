// Trains the demo's model on a corpus, but for a part of its questions that is held out.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "corpus.hpp"
#include "parameters.hpp"
#include "tokenizer.hpp"

namespace train_demo {

struct Progress {
    int step = 0;
    int steps = 0;
    double loss = 0;        // a token's, over the last steps
    double held_out = 0;    // the same for held-out questions as they are; 0 before it was computed
    double per_second = 0;  // tokens, with those of questions
};

struct Options {
    Shape shape;
    std::uint64_t seed = 1;
    int steps = 3000;
    int rows = 4;      // of tokens in a graph
    int length = 128;  // of a row
    int graphs = 2;    // whose gradients make a step; the model depends on them, but not on the threads
    int threads = 2;   // that compute graphs
    float rate = 2e-3F;
    float decay = 0.05F;
    float dropped = 0.1F;    // of what flows through the model, see Graph::run()
    float held_out = 0.05F;  // of the questions
    std::function<void(const Progress&)> on_progress;
};

struct Curve {
    std::vector<double> learnt, held_out;  // losses, at as many steps from each other
};

struct Training {
    Tokenizer tokenizer;
    Parameters parameters;
    Curve curve;
    std::vector<Question> held_out;
    std::size_t learnt = 0;  // questions
    std::int64_t tokens = 0;
};

// Errors: Code::invalid_argument for a corpus or options that nothing can be learnt with; those of Graph::make().
[[nodiscard]] sarai::Result<Training> train(const Corpus& corpus, const Options& options);

}  // namespace train_demo
