// A YAML document as a tree that remembers where everything stands, read within limits that hostile text cannot pass.
//
// A tree of our own rather than YAML::Node: that one drops repeated keys silently and shares what aliases point to.
// Aliases are copied here, and the copies count towards the limit of nodes.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace sarai::config {

struct Node {
    enum class Kind : std::uint8_t { null, scalar, list, map };
    Kind kind = Kind::null;
    bool quoted = false;    // a scalar in quotes or with a tag is text, whatever it looks like
    bool replaced = false;  // "${NAME}" in it was replaced: quotes say nothing about its type
    int line = 0;
    int column = 0;
    std::string text = {};               // of a scalar
    std::vector<std::string> keys = {};  // of a map, one for each item
    std::vector<Node> key_marks = {};    // where each key stands
    std::vector<Node> items = {};        // of a list or map
};

struct Limits {
    std::size_t bytes = std::size_t{1} << 20U;
    int depth = 32;
    int nodes = 10'000;
};

// Errors: a single Problem with line and column. An empty document is a null node.
[[nodiscard]] std::expected<Node, Problem> parse_yaml(std::string_view text, const Limits& limits = {});

// "a list", "keys and values", "nothing", "\"many\"".
[[nodiscard]] std::string describe(const Node& node);

}  // namespace sarai::config
