// What is asked for a prompt's scores: a classifier, or whatever a test puts in its place.
#pragma once

#include <functional>
#include <string_view>

#include "router/classifier.hpp"

namespace sarai::router {

using Scorer = std::function<Scores(std::string_view text)>;

// The two that a server has, and from where on a prompt is familiar enough to go by its labels.
struct Eyes {
    Scorer router;
    Scorer mini;
    float familiar_enough = 0;
    float mini_familiar_enough = 0;
};

}  // namespace sarai::router
