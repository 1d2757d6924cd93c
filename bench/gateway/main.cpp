// bench-gateway: asks several servers the same streamed chats in turn and prints every sample as JSON, in nanoseconds.
//
// The servers take turns within each round in an order that chance gives, so that the machine's noise, and whatever one
// answer leaves behind for the next, hits all alike: who comes after a server with a worker of its own finds the common
// worker's memory gone from the caches.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <numeric>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "connection.hpp"
#include "streamed_chat.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;
using sarai::Code;
using sarai::fail;
using sarai::Result;

// Between two requests: the server before has written its log line and the engine has freed its slot.
constexpr auto pause = 2ms;

struct Samples {
    std::vector<std::int64_t> first_token;  // of the short chat
    std::vector<std::int64_t> short_chat;
    std::vector<std::int64_t> long_chat;
    int tokens = 0;       // events with text in a long chat
    int connections = 0;  // opened for all of these
};

struct Server {
    std::string name;
    Address address;
    StreamedChat short_chat;
    StreamedChat long_chat;
};

struct Plan {
    int rounds = 200;
    int warm_up = 20;
    int tokens = 64;
};

// "NAME=MODEL@ADDRESS"
Result<Server> parse_server(const std::string& text, int tokens) {
    const auto equals = text.find('=');
    const auto at = text.find('@', equals == std::string::npos ? 0 : equals);
    if (equals == std::string::npos || at == std::string::npos)
        return fail(Code::invalid_argument, fmt::format("\"{}\": expected NAME=MODEL@ADDRESS", text));
    auto address = Address::parse(std::string_view(text).substr(at + 1));
    if (!address) return std::unexpected(address.error());
    const auto model = text.substr(equals + 1, at - equals - 1);
    return Server{text.substr(0, equals), *address, StreamedChat(model, 1), StreamedChat(model, tokens)};
}

Result<std::vector<Samples>> measure(std::vector<Server>& servers, const Plan& plan, bool keep_alive) {
    std::vector<Samples> all(servers.size());
    std::vector<std::optional<Connection>> kept(servers.size());
    const auto ask = [&](std::size_t i, StreamedChat& chat) {
        std::this_thread::sleep_for(pause);
        if (!keep_alive) kept[i].reset();
        auto timing = chat.ask(servers[i].address, kept[i]);
        if (!timing) timing.error().message = fmt::format("{}: {}", servers[i].name, timing.error().message);
        return timing;
    };
    std::vector<std::size_t> order(servers.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::mt19937 chance(1);  // NOLINT(*-msc51-cpp): every run in the same orders
    for (int round = -plan.warm_up; round < plan.rounds; ++round) {
        std::ranges::shuffle(order, chance);
        for (const auto i : order) {
            const auto brief = ask(i, servers[i].short_chat);
            if (!brief) return std::unexpected(brief.error());
            const auto extended = ask(i, servers[i].long_chat);
            if (!extended) return std::unexpected(extended.error());
            if (round < 0) continue;
            all[i].first_token.push_back(brief->first_token.count());
            all[i].short_chat.push_back(brief->total.count());
            all[i].long_chat.push_back(extended->total.count());
            all[i].tokens = extended->tokens;
            all[i].connections += (brief->connected ? 1 : 0) + (extended->connected ? 1 : 0);
        }
    }
    return all;
}

void print(const std::vector<Server>& servers, const std::vector<Samples>& all, const char* name, bool last) {
    fmt::print("\"{}\": {{", name);
    for (std::size_t i = 0; i < all.size(); ++i)
        fmt::print(
            "{}\n  \"{}\": {{\"tokens\": {}, \"connections\": {}, \"first_token\": [{}], \"short_chat\": [{}], "
            "\"long_chat\": [{}]}}",
            i == 0 ? "" : ",", servers[i].name, all[i].tokens, all[i].connections, fmt::join(all[i].first_token, ","),
            fmt::join(all[i].short_chat, ","), fmt::join(all[i].long_chat, ","));
    fmt::print("}}{}\n", last ? "" : ",");
}

Result<void> run(const std::vector<std::string>& targets, const Plan& plan) {
    std::vector<Server> servers;
    for (const auto& target : targets) {
        auto server = parse_server(target, plan.tokens);
        if (!server) return std::unexpected(server.error());
        servers.push_back(std::move(*server));
    }
    const auto kept = measure(servers, plan, /*keep_alive=*/true);
    if (!kept) return std::unexpected(kept.error());
    const auto anew = measure(servers, plan, /*keep_alive=*/false);
    if (!anew) return std::unexpected(anew.error());
    fmt::print("{{");
    print(servers, *kept, "keep_alive", /*last=*/false);
    print(servers, *anew, "new_connection", /*last=*/true);
    fmt::print("}}\n");
    return {};
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    CLI::App app("Asks servers the same streamed chats in turn; prints the samples as JSON, in nanoseconds.",
                 "bench-gateway");
    bench::Plan plan;
    std::vector<std::string> targets;
    app.add_option("--rounds", plan.rounds, "requests of each kind to each server")
        ->check(CLI::Range(1, 1'000'000))
        ->capture_default_str();
    app.add_option("--warm-up", plan.warm_up, "rounds before, not counted")
        ->check(CLI::Range(0, 1'000'000))
        ->capture_default_str();
    app.add_option("--tokens", plan.tokens, "length of the long chat")
        ->check(CLI::Range(2, 1024))
        ->capture_default_str();
    app.add_option("servers", targets, "NAME=MODEL@ADDRESS; an address is unix:/path.sock or IPv4:port")->required();
    CLI11_PARSE(app, argc, argv);
    if (const auto done = bench::run(targets, plan); !done) {
        fmt::print(stderr, "bench-gateway: {}\n", sarai::describe(done.error()));
        return sarai::exit_status(done.error().code);
    }
    return 0;
}
