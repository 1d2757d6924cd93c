// llama-swap's "${NAME}": macros of the file and of a model, ${MODEL_ID}, ${PORT} and ${env.NAME}. Pure.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/environment.hpp"

namespace sarai::imports {

class Macros {
public:
    explicit Macros(const config::Environment& environment) : environment_(&environment) {}

    void set(std::string name, std::string value) { values_.insert_or_assign(std::move(name), std::move(value)); }

    // Macros within macros as well. What is not known stays as it stands, and its name goes to `unknown` (once).
    [[nodiscard]] std::string expand(std::string_view text, std::vector<std::string>& unknown) const;

private:
    const config::Environment* environment_;
    std::map<std::string, std::string, std::less<>> values_;
};

}  // namespace sarai::imports
