#include "app/doctor_engine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ranges>

#include "engine/cpu.hpp"
#include "engine/process.hpp"
#include "engine/short_child.hpp"
#include "memory/plan.hpp"
#include "protocols/json.hpp"

namespace sarai::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using cli::CheckState;

constexpr auto longest_look = 10s;
constexpr std::string_view engine_group = "engine";

cli::Check engine_row(std::string name, CheckState state, std::string text, std::string advice = {}) {
    return {std::string(engine_group), std::move(name), state, std::move(text), std::move(advice)};
}

// The rest of the first line that begins with `start`; nothing where there is none.
std::string line_with(std::string_view text, std::string_view start) {
    for (const auto part : std::views::split(text, '\n')) {
        const std::string_view line(part);
        if (line.starts_with(start)) return std::string(line.substr(start.size()));
    }
    return {};
}

// "libmtmd.so.0 => not found"
std::vector<std::string> missing_libraries(std::string_view traced) {
    std::vector<std::string> missing;
    for (const auto part : std::views::split(traced, '\n')) {
        const std::string_view line(part);
        const auto arrow = line.find(" => not found");
        if (arrow == std::string_view::npos) continue;
        const auto first = std::min(line.find_first_not_of(" \t"), arrow);
        missing.emplace_back(line.substr(first, arrow - first));
    }
    return missing;
}

// Libraries that the loader would not find; nothing where it has nothing to say (a script, a static program).
asio::awaitable<std::vector<std::string>> missing_of(const std::filesystem::path& program) {
    const auto traced = co_await engine::run_child(
        {.program = program, .arguments = {"--version"}, .environment = {{"LD_TRACE_LOADED_OBJECTS", "1"}}},
        longest_look, fmt::format("{}'s libraries", program.string()));
    co_return traced ? missing_libraries(traced->out) : std::vector<std::string>{};
}

struct Found {
    cli::Check check;
    std::string version;  // empty: not told
};

asio::awaitable<Found> look_at_server(const std::string& name) {
    const auto program = engine::find_program(name);
    if (!program) co_return Found{failed(std::string(engine_group), "llama-server", program.error()), {}};
    if (const auto missing = co_await missing_of(*program); !missing.empty())
        co_return Found{
            engine_row("llama-server", CheckState::fail,
                       fmt::format("{} cannot start: {} missing", program->string(), fmt::join(missing, ", ")),
                       "Install the packages with these libraries, or name their folder in LD_LIBRARY_PATH."),
            {}};
    const auto child = co_await engine::run_child({.program = *program, .arguments = {"--version"}}, longest_look,
                                                  fmt::format("{} --version", program->string()), 20);
    if (!child) co_return Found{failed(std::string(engine_group), "llama-server", child.error()), {}};
    auto version = line_with(child->out, "version: ");
    if (version.empty()) version = line_with(child->last_words, "version: ");
    if (child->status != 0)
        co_return Found{engine_row("llama-server", CheckState::fail,
                                   fmt::format("{} --version ended with status {}: {}", program->string(),
                                               child->status, protocols::excerpt(child->last_words))),
                        {}};
    if (version.empty())
        co_return Found{engine_row("llama-server", CheckState::warn,
                                   fmt::format("{} runs, but does not say its version", program->string()),
                                   "Is it llama.cpp's server?"),
                        {}};
    auto text = fmt::format("{}, version {}", program->string(), version);
    co_return Found{engine_row("llama-server", CheckState::ok, std::move(text)), version.substr(0, version.find(' '))};
}

// `server`: the version of llama-server.
asio::awaitable<Checks> look_at_measure(std::string server) {
    Checks checks;
    const auto program = engine::find_program("sarai-measure");
    if (!program) {
        checks.push_back(failed(std::string(engine_group), "sarai-measure", program.error()));
        co_return checks;
    }
    if (const auto missing = co_await missing_of(*program); !missing.empty()) {
        checks.push_back(
            engine_row("sarai-measure", CheckState::fail,
                       fmt::format("{} cannot start: {} missing", program->string(), fmt::join(missing, ", ")),
                       "Install the packages with these libraries; it needs those that sarai was built with."));
        co_return checks;
    }
    const auto child = co_await engine::run_child({.program = *program, .arguments = {"--engine"}}, longest_look,
                                                  fmt::format("{} --engine", program->string()));
    if (!child) {
        checks.push_back(failed(std::string(engine_group), "sarai-measure", child.error()));
        co_return checks;
    }
    const auto printed = protocols::parse_json(child->out);
    const auto version =
        std::string(printed && printed->is_object() ? protocols::string_at(printed->as_object(), "engine") : "");
    if (child->status != 0 || version.empty()) {
        checks.push_back(
            engine_row("sarai-measure", CheckState::fail,
                       fmt::format("{} does not run: {}", program->string(), protocols::excerpt(child->last_words)),
                       "It has to be of the same build as sarai."));
        co_return checks;
    }
    const bool differs = !server.empty() && !version.starts_with(server);
    checks.push_back(
        engine_row("sarai-measure", differs ? CheckState::warn : CheckState::ok,
                   fmt::format("{}, plans with {}", program->string(), version),
                   differs ? fmt::format("llama-server is of version {}: plans may be off. Build sarai with the "
                                         "libllama that belongs to it.",
                                         server)
                           : ""));
    std::vector<std::string> builds;
    for (const auto& library : memory::engine_libraries(child->out))
        if (auto name = engine::cpu_build(library); !name.empty()) builds.push_back(std::move(name));
    checks.push_back(
        builds.empty() ? engine_row("cpu build", CheckState::warn, "the engine has loaded no code for this processor",
                                    "Install ggml's CPU backends (libggml-cpu-*.so) beside libggml.")
                       : engine_row("cpu build", CheckState::ok,
                                    fmt::format("the engine chooses {} for this processor", fmt::join(builds, ", "))));
    co_return checks;
}

}  // namespace

asio::awaitable<Checks> look_at_engine(config::Engine engine) {
    auto server = co_await look_at_server(engine.server_binary);
    auto checks = co_await look_at_measure(std::move(server.version));
    checks.insert(checks.begin(), std::move(server.check));
    co_return checks;
}

asio::awaitable<cli::Check> look_at_program(std::string name, std::string argument, std::string why) {
    const auto program = engine::find_program(name);
    cli::Check check{.group = "programs", .name = name, .text = {}};
    if (!program) {
        check.state = CheckState::warn;
        check.text = fmt::format("not found: {}", why);
        check.advice = fmt::format("Install {}.", name);
        co_return check;
    }
    const auto child = co_await engine::run_child({.program = *program, .arguments = {argument}}, longest_look,
                                                  fmt::format("{} {}", name, argument), 20);
    if (!child) co_return failed("programs", name, child.error());
    const auto& said = child->out.empty() ? child->last_words : child->out;
    check.state = child->status == 0 ? CheckState::ok : CheckState::warn;
    check.text = fmt::format("{}: {}", program->string(), protocols::excerpt(said.substr(0, said.find('\n')), 60));
    co_return check;
}

}  // namespace sarai::app
