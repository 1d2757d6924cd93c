// Ollama's Modelfile: what a model is made from and what is said about it, in lines of an instruction and its value.
//
//     FROM llama3.2
//     PARAMETER num_ctx 4096          # stop may come several times
//     SYSTEM """You are short.        a value in quotes ends with the line that the closing quotes end
//     And polite."""
//
// Pure. Instructions are read in any case; lines that begin with # are comments. REQUIRES, which speaks of Ollama's
// version, and parameters that Ollama no longer has are skipped.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "protocols/ollama_library.hpp"

namespace sarai::library {

struct Modelfile {
    std::vector<std::string> from;  // names or paths: of the model, then of what goes with it (a projector)
    protocols::ollama::Recipe recipe;
    bool operator==(const Modelfile&) const = default;
};

// Errors name the line: invalid_argument, or unsupported for what would change the model in a way that is not known
// here (ADAPTER, DRAFT, RENDERER, PARSER).
[[nodiscard]] Result<Modelfile> parse_modelfile(std::string_view text);

// What parse_modelfile() reads as the same, except for text with a line that ends in three quotes: the format has no
// way to write it.
[[nodiscard]] std::string print_modelfile(const Modelfile& modelfile);

// `num_ctx                        4096`, a line for each parameter and each stop: "parameters" of /api/show.
[[nodiscard]] std::string print_parameters(const boost::json::object& parameters);

}  // namespace sarai::library
