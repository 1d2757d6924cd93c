// How fast a server works, from what its counters say at different times. Pure.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sarai::cli {

// What GET /metrics counts since the server's start.
struct Counts {
    struct Backend {
        double requests = 0;
        double first_tokens = 0;         // answers that had one
        double first_token_seconds = 0;  // of all of them
    };
    double requests = 0;
    double tokens = 0;                                                  // of answers, not of prompts
    std::map<std::string, double, std::less<>> tokens_of;               // by model
    std::map<std::pair<std::string, std::string>, Backend> backend_of;  // by model and backend
};

// Lines that are no samples of these counters are passed over.
[[nodiscard]] Counts counts_of(std::string_view metrics);

// The samples of the last minutes.
class TopHistory {
public:
    using Time = std::chrono::steady_clock::time_point;

    // Rates are of so long: an answer's tokens are counted all at once when it ends.
    static constexpr std::chrono::seconds window{10};
    static constexpr std::size_t most = 240;

    // Counters that are lower than before are those of a server that was started again: they have grown from nothing.
    void add(Time at, std::int64_t used_bytes, Counts counts);

    struct ModelRate {
        std::optional<double> tokens_per_second;    // nothing where that backend ended no answer in the window
        std::optional<double> first_token_seconds;  // the mean of the latest sample that had some
    };
    [[nodiscard]] ModelRate of(const std::string& model, const std::string& backend) const;

    // One a sample, the latest last: bytes, and what came between that sample and the one before, a second.
    [[nodiscard]] const std::vector<double>& used() const { return used_; }
    [[nodiscard]] const std::vector<double>& requests() const { return requests_; }
    [[nodiscard]] const std::vector<double>& tokens() const { return tokens_; }

private:
    struct Sample {
        Time at;
        Counts counts;
    };

    std::deque<Sample> samples_;  // of the window, and the latest before it
    std::map<std::pair<std::string, std::string>, double> first_token_;
    std::vector<double> used_;
    std::vector<double> requests_;
    std::vector<double> tokens_;
};

}  // namespace sarai::cli
