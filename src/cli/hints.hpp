// When to tell the server what is being typed (POST /sarai/hint). Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace sarai::cli {

class Hints {
public:
    using Time = std::chrono::steady_clock::time_point;

    // Hints that follow each other faster do nothing at the server.
    static constexpr std::chrono::milliseconds apart{1100};
    // Of a single letter or a command there is nothing to guess.
    static constexpr std::size_t least = 8;

    // What to send of the text that lies in the line at `now`, if anything: what has changed since the last hint.
    [[nodiscard]] std::optional<std::string> next(std::string_view typed, Time now);

private:
    std::string told_;
    std::optional<Time> at_;
};

}  // namespace sarai::cli
