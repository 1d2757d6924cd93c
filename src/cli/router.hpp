// `sarai router …`: training, measuring and explaining what sends prompts to models. Works without a server.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "cli/io.hpp"

namespace sarai::cli {

// Which weights: a file, or those within the program.
struct RouterChoice {
    std::string weights;          // empty: built in
    std::string size = "router";  // or "mini"
};

struct TrainOptions {
    std::vector<std::string> data;  // JSON Lines, or folders of them
    std::string size = "router";
    std::string output;  // empty: trm-router.gguf or trm-mini.gguf here
    std::vector<std::string> teachers;
    std::uint64_t seed = 1;
    int epochs = 0;  // 0: as many as the size's default
    double validation = 0.1;
};

struct EvalOptions {
    std::vector<std::string> data;
    RouterChoice choice;
    std::vector<std::string> baseline;  // training data of a logistic regression to compare with
    bool errors = false;                // list what was answered wrongly
    bool json = false;
};

struct ExplainOptions {
    std::string prompt;
    RouterChoice choice;
    std::string data = "data/router/train";  // where the nearest prompts are looked for
    bool json = false;
};

// Each returns the exit status.
[[nodiscard]] int train_router(const TrainOptions& options, Io& io);
[[nodiscard]] int evaluate_router(const EvalOptions& options, Io& io);
[[nodiscard]] int explain_prompt(const ExplainOptions& options, Io& io);

}  // namespace sarai::cli
