// sarai's main: the command line, with the commands that need the server's insides behind it.

#include <fmt/format.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "app/daemon.hpp"
#include "app/demo.hpp"
#include "app/plan.hpp"
#include "app/prove.hpp"
#include "cli/cli.hpp"

namespace {

using namespace sarai;

void set_up_log() {
    // Standard output belongs to the commands.
    auto logger = spdlog::stderr_color_mt("sarai");
    if (const char* off = std::getenv("NO_COLOR"); off != nullptr && *off != '\0')
        static_cast<spdlog::sinks::stderr_color_sink_mt*>(logger->sinks().front().get())
            ->set_color_mode(spdlog::color_mode::never);
    spdlog::set_default_logger(std::move(logger));
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    if (const char* level = std::getenv("SARAI_LOG")) spdlog::set_level(spdlog::level::from_str(level));
}

// Each request takes two descriptors, each worker three; the usual soft limit of 1024 is for programs that use
// select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

int terminal_width() {
    winsize size{};
    return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : 120;
}

int plan(const cli::PlanOptions& options) {
    app::SetPlan plan;
    if (options.files.empty()) {
        auto config = *options.config;
        if (options.context_length)
            for (auto& model : config.models)
                if (model.local) model.local->context_length = *options.context_length;
        plan = app::plan_config(config);
    } else {
        plan = app::plan_files(options.files, options.context_length.value_or(2048),
                               options.config.value_or(config::Config{}));
    }
    fmt::print("{}", options.json ? app::plan_json(plan) + "\n" : app::plan_table(plan, terminal_width()));
    if (plan.failed()) return 1;
    return plan.fits() ? 0 : exit_status(Code::no_memory);
}

}  // namespace

int main(int argc, char** argv) {
    // The launcher ignores these while it waits for us, and what is ignored is inherited.
    for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_DFL);
    std::signal(SIGPIPE, SIG_IGN);
    set_up_log();
    raise_descriptor_limit();
    return cli::run_cli(
        argc, argv,
        {.serve = [](const cli::ServeOptions& options) { return app::run_daemon(options.config, {}); },
         .demo = [](const cli::DemoOptions& options) { return app::run_demo({options.port, options.lan_port}); },
         .plan = plan,
         .prove =
             [](const cli::ProveOptions& options) {
                 return app::run_prove(
                     {.url = options.url, .config = options.config, .tokens = options.tokens, .json = options.json});
             }});
}
