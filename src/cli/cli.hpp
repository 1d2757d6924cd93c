// The command line: reads arguments, and runs the commands that are clients of a server.
//
// What needs the server's own insides is given by the application through hooks. Exit statuses are those of
// base/error.hpp: 0 success, 1 failure, 2 wrong usage or configuration, 3 no server (of import: something has no
// equivalent), 4 does not fit into memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/io.hpp"
#include "config/config.hpp"
#include "config/problem.hpp"

namespace sarai::cli {

struct ServeOptions {
    config::Config config;  // read and found right
};

struct DemoOptions {
    std::uint16_t port = 11435;      // of the main server
    std::uint16_t lan_port = 11436;  // of the process that plays the LAN box
};

struct PlanOptions {
    std::vector<std::filesystem::path> files;  // GGUF files; empty: the models of `config`
    std::optional<config::Config> config;      // absent: files alone, against this machine
    std::optional<int> context_length;         // tokens; absent: each model's own, 2048 for files
    std::string scenario = "all";              // native, hybrid, degraded or all
    std::string what_if;                       // empty: the plan as configured alone; else see config/what_if.hpp
    bool strict = false;                       // a degraded scenario that does not fit is a failure
    bool json = false;
};

struct FitOptions {
    std::vector<std::filesystem::path> files;  // GGUF files; empty: the models of `config`
    std::optional<config::Config> config;
    std::optional<Bytes> budget;                  // absent: the configuration's, or what the machine has
    bool native = false;                          // every model that has a file runs here
    std::optional<std::filesystem::path> output;  // the configuration goes there instead of to standard output
    bool force = false;                           // also where that file exists
    bool json = false;
};

struct ImportOptions {
    std::filesystem::path path;                   // of what another program left
    std::string from;                             // ollama, llama-swap or gguf; empty: whatever is there
    std::optional<std::filesystem::path> output;  // the configuration goes there instead of to standard output
    bool force = false;                           // also where that file exists
    bool json = false;
};

struct ProveOptions {
    std::string url;                              // of the server that is asked
    std::optional<std::filesystem::path> config;  // of a server to start where none answers at `url`
    int tokens = 96;                              // asked of each generative model
    bool json = false;
};

struct DoctorOptions {
    std::optional<std::filesystem::path> file;  // of the configuration; absent: the machine alone is looked at
    std::optional<config::Config> config;       // absent where `problems` has some, or there is no file
    std::vector<config::Problem> problems;      // of the file
    bool json = false;
};

// Each returns the exit status. All of them must be set.
struct CliHooks {
    std::function<int(const ServeOptions&)> serve;
    std::function<int(const DemoOptions&)> demo;
    std::function<int(const PlanOptions&)> plan;
    std::function<int(const FitOptions&)> fit;
    std::function<int(const ProveOptions&)> prove;
    std::function<int(const ImportOptions&)> take_over;  // `sarai import`
    std::function<int(const DoctorOptions&)> doctor;
};

// Returns the exit status. Call it from one thread, before others exist: it installs signal handlers while it talks.
[[nodiscard]] int run_cli(int argc, char** argv, CliHooks hooks);

// The same with the outside world given. `arguments` are without the program's name.
[[nodiscard]] int run_cli(const std::vector<std::string>& arguments, const CliHooks& hooks, Io& io);

}  // namespace sarai::cli
