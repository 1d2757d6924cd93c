// sarai-fake-upstream: the fake upstream as a program, for tests of the whole daemon.
//
//     sarai-fake-upstream openai|ollama [SEED FAULT_RATE TOKENS TOKEN_DELAY_MS [TOKEN]]
//
// Prints its port, then obeys lines on stdin: "stats" prints a JSON object; "refuse" and "listen" close and open the
// port; "silent" and "busy" make all requests hang or fail with 429, "well" no more, and "good" no more at all. Ends
// with stdin. With a fault rate (0 to 1) so many of the answers fail, each in one of all the ways that there are, as
// the seed decides.
#include <fmt/format.h>

#include <array>
#include <cstdio>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>

#include "support/fake_upstream.hpp"

namespace {

using namespace sarai::test;
using namespace std::chrono_literals;

// One of all the ways in which an answer can fail, or be hard to read.
Script any_fault(std::mt19937_64& random, Script script) {
    const auto below = [&](std::uint64_t n) { return random() % n; };
    static constexpr std::array in_stream{Fault::stall,       Fault::heartbeat, Fault::reset,     Fault::truncate,
                                          Fault::clean_close, Fault::garbage,   Fault::error_line};
    switch (below(12)) {
        case 0: script.fault = Fault::silent; break;
        case 1: script.status = 500; break;
        case 2: script.status = 503; break;
        case 3:
            script.status = 429;
            script.retry_after = "1";
            break;
        case 4: script.head_delay = 50ms; break;
        default:
            script.fault = in_stream[below(in_stream.size())];
            script.after = static_cast<int>(below(static_cast<std::uint64_t>(script.tokens)));
    }
    return script;
}

}  // namespace

int main(int argc, char** argv) {
    const std::string protocol = argc > 1 ? argv[1] : "";
    if (protocol != "openai" && protocol != "ollama") {
        fmt::print(stderr,
                   "usage: sarai-fake-upstream openai|ollama [SEED FAULT_RATE TOKENS TOKEN_DELAY_MS [TOKEN]]\n");
        return 2;
    }
    const auto random = std::make_shared<std::mt19937_64>(argc > 2 ? std::stoull(argv[2]) : 1);
    const double rate = argc > 3 ? std::stod(argv[3]) : 0;
    const Script good{.tokens = argc > 4 ? std::stoi(argv[4]) : 5,
                      .token = argc > 6 ? argv[6] : "",
                      .token_delay = std::chrono::milliseconds(argc > 5 ? std::stoi(argv[5]) : 0)};
    FakeUpstream upstream(protocol == "ollama" ? Protocol::ollama : Protocol::openai);
    const auto usual = [random, rate, good] {
        const double share = static_cast<double>((*random)() >> 11U) * 0x1p-53;
        return share < rate ? any_fault(*random, good) : Script(good);
    };
    upstream.set_chooser(usual);
    fmt::print("{}\n", upstream.port());
    std::fflush(stdout);
    for (std::string line; std::getline(std::cin, line);) {
        if (line == "stats")
            fmt::print(R"({{"requests":{},"active":{},"most_active":{},"connections":{},"disconnects":{}}})"
                       "\n",
                       upstream.requests().size(), upstream.active(), upstream.most_active(), upstream.connections(),
                       upstream.disconnects());
        else if (line == "refuse")
            upstream.refuse();
        else if (line == "listen")
            upstream.listen();
        else if (line == "silent")
            upstream.set_chooser([] { return Script{.fault = Fault::silent}; });
        else if (line == "busy")
            upstream.set_chooser([] { return Script{.status = 429, .retry_after = "2"}; });
        else if (line == "good")
            upstream.set_chooser([good] { return Script(good); });
        else if (line == "well")
            upstream.set_chooser(usual);
        std::fflush(stdout);
    }
}
