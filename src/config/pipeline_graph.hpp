// Which steps of a pipeline need which: what its texts read, and what `after` names. Pure.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "config/config.hpp"

namespace sarai::config {

struct PipelineGraph {
    std::vector<std::vector<std::size_t>> needs;  // by step: those whose end it waits for, ascending
    std::vector<std::size_t> order;               // every step after those that it needs
    std::size_t output = 0;
};

// What is wrong with a step (or, without one, with the pipeline), and in which of its keys.
struct PipelineFault {
    std::size_t step = 0;
    std::string key;  // "prompt"; of the pipeline itself: "output"
    bool of_pipeline = false;
    std::string value;
    std::string expected;
    std::string suggestion = {};
};

struct PipelineReading {
    PipelineGraph graph;                // only where there are no faults
    std::vector<PipelineFault> faults;  // of names, templates and order; not of models
};
[[nodiscard]] PipelineReading read_graph(const Pipeline& pipeline);

}  // namespace sarai::config
