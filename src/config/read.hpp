// The steps of load(), in their order. Each adds what is wrong to `problems` and goes on.
#pragma once

#include <vector>

#include "config/draft.hpp"
#include "config/environment.hpp"
#include "config/yaml_tree.hpp"

namespace sarai::config {

// Walks the tree along the table of keys: unknown and repeated keys, types, limits.
void read_tree(const Node& root, const Environment& environment, Draft& draft, std::vector<Problem>& problems);

// SARAI_<SECTION>_<KEY> and the older names, over what the file says.
void apply_overrides(const Environment& environment, Draft& draft, std::vector<Problem>& problems);

// Rules between keys; drafts become models.
void assemble(const Environment& environment, Draft& draft, std::vector<Problem>& problems);

// The rules between `routing` and the models.
void check_routing(const Draft& draft, std::vector<Problem>& problems);

// The rules of `pipelines`; adds those that come with the program.
void check_pipelines(Draft& draft, std::vector<Problem>& problems);

}  // namespace sarai::config
