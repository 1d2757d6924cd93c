// Short ways to load a text and to look at what came of it.
#pragma once

#include <gtest/gtest.h>

#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

#include "config/load.hpp"

namespace sarai::config {

inline Environment environment(std::initializer_list<std::pair<const std::string, std::string>> variables) {
    return {.variables = {variables.begin(), variables.end()}};
}

// Every problem on a line, "" where the text is valid.
inline std::string problems_of(std::string_view text, const Environment& env = {}) {
    const auto config = load_text(text, "/etc/sarai", env);
    std::string all;
    if (!config) {
        for (const auto& problem : config.error()) all += to_string(problem) + "\n";
    }
    return all;
}

inline Config valid(std::string_view text, const Environment& env = {}) {
    auto config = load_text(text, "/etc/sarai", env);
    EXPECT_TRUE(config.has_value()) << problems_of(text, env);
    return config.value_or(Config{});
}

// A section in front of a model that is in order, since every configuration needs one.
inline std::string with_model(std::string_view text) {
    return std::string(text) + "\nmodels: {m: {backend: gguf_native, path: m.gguf}}\n";
}
inline std::string as_model(std::string_view keys) { return "models: {m: {" + std::string(keys) + "}}\n"; }

}  // namespace sarai::config
