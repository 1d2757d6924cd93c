// sarai-whisper: a model of whisper.cpp as a worker on a unix socket, or with --plan what that would take.
#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "ear.hpp"
#include "ggml-backend.h"
#include "plan.hpp"
#include "server.hpp"

namespace {

boost::json::object to_json(const sarai::Error& error) {
    boost::json::object inner{{"code", sarai::name_of(error.code)}, {"message", error.message}};
    if (!error.hint.empty()) inner["hint"] = error.hint;
    return {{"error", std::move(inner)}};
}

// Without destructors: a vocabulary's strings are given back by the system at once.
[[noreturn]] void leave(int status) {
    std::fflush(nullptr);
    std::_Exit(status);
}

int complain(const sarai::Error& error) {
    fmt::print(stderr, "sarai-whisper: {}\n", sarai::describe(error));
    return sarai::exit_status(error.code);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Hears speech with a model of whisper.cpp.", "sarai-whisper");
    std::filesystem::path model;
    std::filesystem::path socket;
    int threads = 4;
    bool plans = false;
    app.add_option("--model", model, "file that whisper.cpp reads, such as ggml-base.bin")->required();
    auto* plan = app.add_flag("--plan", plans, "print what a worker would take, as JSON, and end");
    app.add_option("--socket", socket, "unix socket to serve on")->excludes(plan);
    app.add_option("--threads", threads, "that compute")->check(CLI::Range(1, 1024))->capture_default_str();
    try {
        app.parse(argc, argv);
        if (!plans && socket.empty()) throw CLI::RequiredError("--socket");
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }

    std::vector<std::string> lines;  // of loading its backends, which tell where they are
    sarai::whisper::keep_log(lines);
    ggml_backend_load_all();
    if (plans) {
        const auto planned = sarai::whisper::plan(model);
        fmt::print("{}\n", boost::json::serialize(planned ? *planned : to_json(planned.error())));
        leave(planned ? 0 : 1);
    }
    auto ear = sarai::whisper::Ear::load(model, threads);
    if (!ear) leave(complain(ear.error()));
    const auto served = sarai::whisper::serve(std::move(*ear), socket);
    leave(complain(served.error()));
}
