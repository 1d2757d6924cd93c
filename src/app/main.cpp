// sarai's main: the command line, with the commands that need the server's insides behind it.

#include <fmt/format.h>
#include <malloc.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <string_view>

#include "app/daemon.hpp"
#include "app/demo.hpp"
#include "app/doctor.hpp"
#include "app/fit.hpp"
#include "app/import.hpp"
#include "app/plan.hpp"
#include "app/prove.hpp"
#include "base/error.hpp"
#include "base/utf8.hpp"
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
}

// False, with a word on standard error, where there is no such level.
bool set_log_level() {
    const char* told = std::getenv("SARAI_LOG");
    if (told == nullptr || *told == '\0') return true;
    const auto level = spdlog::level::from_str(told);
    // What it does not know is "off" as well.
    if (level == spdlog::level::off && std::string_view(told) != "off") {
        fmt::print(stderr, "SARAI_LOG is \"{}\"; expected trace, debug, info, warn, error, critical or off\n",
                   valid_utf8(told));
        return false;
    }
    spdlog::set_level(level);
    return true;
}

// Each request takes two descriptors, each worker three; the usual soft limit of 1024 is for programs that use
// select().
void raise_descriptor_limit() {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_NOFILE, &limit);
}

// What to type to call this program once more. The launchers know better than we, who are called by them.
std::string called_as(const char* own) {
    const char* told = std::getenv("SARAI_CALLED_AS");
    return told != nullptr && *told != '\0' ? told : own;
}

// What serves outlives the readers of its output, and children that it feeds through pipes.
void outlive_readers() { std::signal(SIGPIPE, SIG_IGN); }

}  // namespace

int main(int argc, char** argv) {
    // The launcher ignores these while it waits for us, and what is ignored is inherited. A command whose reader has
    // left (`sarai run … | head`) ends with SIGPIPE; sockets never raise it, since Asio sends with MSG_NOSIGNAL.
    for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) std::signal(number, SIG_DFL);
    std::signal(SIGXFSZ, SIG_IGN);  // a file that may not grow is an error of that write
    // What is as large as a picture goes back to the system as soon as it is freed. By default glibc takes a block that
    // was freed as the measure for what its heap keeps, up to 32 MiB.
    ::mallopt(M_MMAP_THRESHOLD, 1 << 20);
    set_up_log();
    if (!set_log_level()) return exit_status(Code::invalid_argument);
    raise_descriptor_limit();
    return cli::run_cli(
        argc, argv,
        {.serve =
             [](const cli::ServeOptions& options) {
                 outlive_readers();
                 return app::run_daemon(options.config, {});
             },
         .demo =
             [argv](const cli::DemoOptions& options) {
                 outlive_readers();
                 return app::run_demo(
                     {.port = options.port, .lan_port = options.lan_port, .called_as = called_as(argv[0])});
             },
         .plan = app::run_plan,
         .fit = app::run_fit,
         .prove =
             [](const cli::ProveOptions& options) {
                 return app::run_prove(
                     {.url = options.url, .config = options.config, .tokens = options.tokens, .json = options.json});
             },
         .take_over = app::run_import,
         .doctor = app::run_doctor});
}
