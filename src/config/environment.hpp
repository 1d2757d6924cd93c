// Environment variables as a value, with those of a `.env` file behind them, and their use in "${NAME}".
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "config/problem.hpp"

namespace sarai::config {

struct Environment {
    std::map<std::string, std::string, std::less<>> variables;

    [[nodiscard]] static Environment of_process();
    // Null where it is not set.
    [[nodiscard]] const std::string* find(std::string_view name) const;
    // Null where it is not set or empty: compose files and shells cannot easily unset what they pass on.
    [[nodiscard]] const std::string* find_filled(std::string_view name) const;
    // Adds variables that are not set here.
    void add_missing(const Environment& weaker);
};

// NAME=value lines. "export " in front, comments, 'raw' and "escaped \n" values; nothing is expanded inside. Lines that
// are wrong are reported and passed over.
[[nodiscard]] Environment parse_dotenv(std::string_view text, std::vector<Problem>& problems);
// A missing file is an empty one.
[[nodiscard]] Environment read_dotenv(const std::filesystem::path& file, std::vector<Problem>& problems);

struct Replaced {
    std::string text;
    bool any = false;
};
// "${NAME}" and "${NAME:-default}" (also where NAME is empty); "$${" is a literal "${". OLLAMA_BASE_URL has a default
// of its own, that of Ollama. The problems have no path or line yet. `budget` bounds what may be inserted in all.
[[nodiscard]] std::expected<Replaced, std::vector<Problem>> replace_variables(std::string_view text,
                                                                              const Environment& environment,
                                                                              std::size_t& budget);

inline constexpr std::string_view default_ollama_url = "http://127.0.0.1:11434";

}  // namespace sarai::config
