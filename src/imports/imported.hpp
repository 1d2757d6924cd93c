// What another program's models are in a configuration of sarai's, with all that has no place in one. A value.
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "memory/model_facts.hpp"

namespace sarai::imports {

// Something that has no equivalent. All four are said to people, one line for each.
struct Loss {
    std::string key;      // where it stood: "models.gpt.filters", "llama3.2: parameter stop"
    std::string value;    // what stood there; of a secret nothing
    std::string why;      // completes "KEY VALUE: …"
    std::string instead;  // what to do; may be empty
    bool operator==(const Loss&) const = default;
};

struct Imported {
    config::Config config;
    std::map<std::string, std::vector<std::string>> notes;  // by model: where it comes from and what was assumed
    std::vector<Loss> losses;
};

// What a GGUF file says of itself. May be slow.
using Facts = std::function<Result<memory::ModelFacts>(const std::filesystem::path&)>;

// What a model of such a file is for. A projector alone is for nothing, and a chat model for want of a word.
[[nodiscard]] config::ModelKind model_kind(const memory::ModelFacts& facts);

// Adds a model under a name that is valid and that nobody has; where it cannot be `wanted`, that is a loss at `key`.
// Returns its name.
std::string add_model(Imported& into, config::Model model, std::string_view wanted, std::string_view key);

// Sets what the model is for. Where the file cannot tell, that is a loss at `key`. Returns the tokens that it was
// trained with; 0: not known.
int look_into(Imported& into, config::Model& model, const Facts& facts, std::string_view key);

// Whether it can stand in a configuration: UTF-8 without control characters.
[[nodiscard]] bool is_writable(std::string_view text);

}  // namespace sarai::imports
