#include "cli/configuration.hpp"

#include <fmt/format.h>

#include <ostream>

#include "config/load.hpp"

namespace sarai::cli {
namespace {

std::string count(std::size_t n, std::string_view one, std::string_view many) {
    return fmt::format("{} {}", n, n == 1 ? one : many);
}

std::string summary(const config::Config& config) {
    std::size_t local = 0;
    std::size_t remote = 0;
    std::size_t both = 0;
    for (const auto& model : config.models) {
        if (model.remote && model.local) {
            ++both;
        } else {
            ++(model.remote ? remote : local);
        }
    }
    std::string kinds;
    const auto add = [&](std::size_t n, std::string_view what) {
        if (n > 0) kinds += fmt::format("{}{} {}", kinds.empty() ? "" : ", ", n, what);
    };
    add(local, "local");
    add(remote, "remote");
    add(both, "remote with a local fallback");
    const auto& server = config.server;
    const auto address = server.address.contains(':') ? "[" + server.address + "]" : server.address;
    return fmt::format(
        "{} ({}), at most {}, {}, listens on {}:{}", count(config.models.size(), "model", "models"), kinds,
        config.memory.max_ram ? to_string(*config.memory.max_ram) : "RAM minus " + to_string(config.memory.reserve),
        config.memory.policy, address, server.port);
}

}  // namespace

Result<config::Config> load_config(const std::filesystem::path& file, const config::Environment& environment) {
    auto config = config::load(file, environment);
    if (config) return std::move(*config);
    const auto& problems = config.error();
    auto text = config::report(file.string(), problems);
    text.pop_back();  // the last line's end
    const auto all = problems.size() == 1 ? std::string("a problem") : fmt::format("{} problems", problems.size());
    return fail(Code::invalid_argument, fmt::format("{} in the configuration\n{}", all, text));
}

std::optional<std::filesystem::path> find_config(const std::string& given, const config::Environment& environment) {
    if (!given.empty()) return given;
    if (const auto* named = environment.find_filled("SARAI_CONFIG")) return *named;
    std::vector<std::filesystem::path> places{"sarai.yaml", "config/sarai.yaml"};
    if (const auto* base = environment.find_filled("XDG_CONFIG_HOME")) {
        places.push_back(std::filesystem::path(*base) / "sarai/sarai.yaml");
    } else if (const auto* home = environment.find_filled("HOME")) {
        places.push_back(std::filesystem::path(*home) / ".config/sarai/sarai.yaml");
    }
    for (const auto& place : places) {
        std::error_code ignored;
        if (std::filesystem::exists(place, ignored)) return place;
    }
    return std::nullopt;
}

int check_config(const std::string& file, Io& io) {
    const auto config = config::load(file, io.environment);
    const Style style{wants_colour(io, io.out_terminal)};
    if (config) {
        io.out << config::printable(file, 4096) << ": " << style.green("valid") << ": " << summary(*config) << "\n";
        return 0;
    }
    io.out << config::report(file, config.error());
    return exit_status(Code::invalid_argument);
}

}  // namespace sarai::cli
