// bench-router: how long the built-in weights take to score each line of a file, one at a time, on one core. Prints
// JSON: medians in microseconds, and what both sizes take of memory.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "router/classifier.hpp"

namespace {

using namespace sarai;
using Clock = std::chrono::steady_clock;

struct Times {
    double p50 = 0;
    double p99 = 0;
};

Times time(const router::Classifier& classifier, const std::vector<std::string>& lines, int rounds) {
    std::vector<double> all;
    for (int round = 0; round <= rounds; ++round) {
        for (const auto& line : lines) {
            const auto begun = Clock::now();
            const auto scores = classifier.score(line);
            const std::chrono::duration<double, std::micro> took = Clock::now() - begun;
            if (round > 0 && scores.hard >= 0) all.push_back(took.count());  // the first round only warms up
        }
    }
    std::ranges::sort(all);
    return {.p50 = all[all.size() / 2], .p99 = all[all.size() * 99 / 100]};
}

// Of this process: what is its own alone, and what it has in memory (KiB).
std::pair<long, long> memory() {
    std::ifstream file("/proc/self/smaps_rollup");
    long own = 0, resident = 0;
    for (std::string line; std::getline(file, line);) {
        const auto number = [&] { return std::strtol(line.c_str() + line.find(':') + 1, nullptr, 10); };
        if (line.starts_with("Private_Dirty:")) own = number();
        if (line.starts_with("Rss:")) resident = number();
    }
    return {own, resident};
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Times the router's weights; prints JSON.", "bench-router");
    std::string file;
    int rounds = 20;
    app.add_option("FILE", file, "prompts, one a line")->required();
    app.add_option("--rounds", rounds, "times that each is scored (20)")->check(CLI::Range(1, 100000));
    CLI11_PARSE(app, argc, argv);
    std::ifstream in(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    if (lines.empty()) {
        fmt::print(stderr, "bench-router: no lines in {}\n", file);
        return 1;
    }
    const auto before = memory();
    const auto router = router::Classifier::built_in(router::Size::router);
    const auto mini = router::Classifier::built_in(router::Size::mini);
    for (const auto* one : {&router, &mini}) {
        if (*one) continue;
        fmt::print(stderr, "bench-router: {}\n", describe(one->error()));
        return 1;
    }
    const auto large = time(*router, lines, rounds);
    const auto small = time(*mini, lines, rounds);
    const auto after = memory();
    fmt::print(R"({{"router": {{"p50_us": {:.1f}, "p99_us": {:.1f}, "parameters": {}, "memory_bytes": {}}}, )"
               R"("mini": {{"p50_us": {:.1f}, "p99_us": {:.1f}, "parameters": {}, "memory_bytes": {}}}, )"
               R"("own_kib": {}, "resident_kib": {}}})"
               "\n",
               large.p50, large.p99, router->parameters(), router->memory().count, small.p50, small.p99,
               mini->parameters(), mini->memory().count, after.first - before.first, after.second - before.second);
    return 0;
}
