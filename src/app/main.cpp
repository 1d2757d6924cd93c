#include <csignal>
#include <cstring>

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include "app/daemon.hpp"
#include "app/demo.hpp"
#include "app/plan.hpp"
#include "app/prove.hpp"
#include "config/load.hpp"

int main(int argc, char** argv) {
    for (int s : {SIGINT, SIGTERM, SIGHUP}) std::signal(s, SIG_DFL);
    using namespace sarai;
    spdlog::set_default_logger(spdlog::stderr_color_mt("sarai"));
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    if (argc < 2) return 2;
    if (!std::strcmp(argv[1], "serve")) {
        auto config = config::load(argv[3], config::Environment::of_process());
        if (!config) {
            for (auto& p : config.error()) fmt::print(stderr, "{}\n", to_string(p));
            return 2;
        }
        return app::run_daemon(*config, {});
    }
    if (!std::strcmp(argv[1], "demo")) return app::run_demo({});
    if (!std::strcmp(argv[1], "prove")) return app::run_prove({.url = argv[2]});
    if (!std::strcmp(argv[1], "plan")) {
        auto config = config::load(argv[2], config::Environment::of_process());
        fmt::print("{}", app::plan_table(app::plan_config(*config), 160));
    }
}
