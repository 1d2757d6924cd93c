#include "app/demo.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "app/daemon.hpp"
#include "app/demo_model.hpp"
#include "app/port_owner.hpp"
#include "cli/server.hpp"
#include "config/load.hpp"
#include "engine/process.hpp"
#include "engine/program.hpp"

namespace sarai::app {
namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

fs::path demo_folder() {
    if (const char* cache = std::getenv("XDG_CACHE_HOME"); cache != nullptr && *cache == '/')
        return fs::path(cache) / "sarai/demo";
    if (const char* home = std::getenv("HOME"); home != nullptr && *home == '/')
        return fs::path(home) / ".cache/sarai/demo";
    return fs::temp_directory_path() / fmt::format("sarai-demo-{}", ::getuid());
}

// Starts a program that shares our terminal and dies with us. Before any thread or io_context exists. -1: it could not
// be started, and must not become a pid: to signals that is everybody.
pid_t spawn(const fs::path& program, const std::vector<std::string>& arguments, const fs::path& log) {
    std::vector<char*> argv{const_cast<char*>(program.c_str())};
    for (const auto& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    const pid_t parent = ::getpid();
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    ::setpgid(0, 0);  // Ctrl-C is for us; we end the child
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (::getppid() != parent) ::_exit(127);
    if (!log.empty()) {
        const int fd = ::open(log.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        if (fd >= 0) {
            ::dup2(fd, 1);
            ::dup2(fd, 2);
        }
    }
    ::execv(program.c_str(), argv.data());
    ::_exit(127);
}

bool wait_for_exit(pid_t pid, std::chrono::milliseconds budget, int& status) {
    for (const auto end = std::chrono::steady_clock::now() + budget; std::chrono::steady_clock::now() < end;) {
        if (::waitpid(pid, &status, WNOHANG) == pid) return true;
        std::this_thread::sleep_for(5ms);
    }
    return false;
}

// Ends the LAN box when the demo ends, however it ends.
struct LanBox {
    const pid_t pid;
    bool gone = false;

    [[nodiscard]] bool runs() {
        int status = 0;
        gone = gone || pid < 0 || ::waitpid(pid, &status, WNOHANG) != 0;
        return !gone;
    }
    ~LanBox() {
        if (gone || pid < 0) return;
        int status = 0;
        ::kill(pid, SIGCONT);  // it may be stopped
        ::kill(pid, SIGINT);
        if (!wait_for_exit(pid, 1500ms, status)) {
            ::kill(pid, SIGKILL);
            ::waitpid(pid, &status, 0);
        }
    }
};

// What has random weights: the models that see and hear, and the one that embeds.
Result<void> make_synthetic_models(const fs::path& folder) {
    constexpr std::array roles{"omni", "omni-mmproj", "embed"};
    const auto file_of = [&](const char* role) { return folder / fmt::format("{}.gguf", role); };
    const auto synth = engine::find_program("sarai-synth");
    if (!synth) return std::unexpected(synth.error());
    // Another version of the tool may make other models: they belong to the one that made them.
    std::error_code ec;
    const auto stamp = folder / fmt::format(".made-by-{}", fs::last_write_time(*synth, ec).time_since_epoch().count());
    if (std::ranges::all_of(roles, [&](const char* role) { return fs::exists(file_of(role), ec); }) &&
        fs::exists(stamp, ec))
        return {};
    fmt::print("making the synthetic models in {} ...\n", folder.string());
    std::fflush(stdout);
    // Before they are written anew: who interrupts that would leave half a file and a stamp that vouches for it.
    // And what the tool had not finished then, "omni.gguf.Xk2a9B"; another demo may be writing its own.
    const auto long_ago = fs::file_time_type::clock::now() - 2min;
    for (const auto& entry : fs::directory_iterator(folder, ec)) {
        const auto name = entry.path().filename().string();
        if (name.starts_with(".made-by-") || (name.contains(".gguf.") && entry.last_write_time(ec) < long_ago))
            fs::remove(entry.path(), ec);
    }
    for (const auto* role : roles) {
        int status = 0;
        const auto pid = spawn(*synth, {role, "--size", "tiny", "-o", file_of(role).string()}, {});
        if (pid < 0 || !wait_for_exit(pid, 120s, status) || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
            return fail(Code::io, fmt::format("{} could not be made", file_of(role).string()),
                        "Is there space left? See the messages above.");
    }
    std::ofstream made(stamp);
    return {};
}

Result<void> make_models(const fs::path& folder) {
    std::error_code ec;
    fs::create_directories(folder, ec);
    if (ec) return fail(Code::io, fmt::format("cannot make the folder {}", folder.string()), ec);
    if (auto written = write_demo_model(folder / "sarai-demo.gguf"); !written) return written;
    return make_synthetic_models(folder);
}

Result<void> write_file(const fs::path& path, const std::string& text) {
    std::ofstream out(path);
    out << text;
    out.flush();
    if (!out) return fail(Code::io, fmt::format("cannot write {}", path.string()));
    return {};
}

constexpr std::string_view lan_config = R"(# The demo's "LAN box": it plays the Ollama server that the expert lives on.
server: {{listen: 127.0.0.1:{lan_port}}}
memory: {{max_ram: 1GiB}}
models:
  solar: {{backend: gguf_native, path: sarai-demo.gguf, context_length: 2048, preload: true}}
)";

constexpr std::string_view main_config =
    R"(# Written anew at each start of the demo: copy it into a file of your own before you change it.
# The demo's main server: an expert on the LAN box with a local fallback, and three local models.
# Point `path` at real GGUF files and `url` at a real Ollama, and this is the reference system.
server: {{listen: 127.0.0.1:{port}}}
memory: {{max_ram: 512MiB, max_concurrent_llms: 3, strategy: hybrid_http_gguf, policy: never_unload}}
routing: {{hard: solar, soft: lfm2, web_query: solar, multimodal: omni, default: solar}}  # who answers for "auto"
models:
  solar: {{backend: ollama_http, endpoints: [{{url: "http://127.0.0.1:{lan_port}"}}], model: "solar",
          fallback: gguf_native, path: sarai-demo.gguf, context_length: 2048}}
  lfm2:  {{backend: gguf_native, path: sarai-demo.gguf, context_length: 2048, pinned: true, preload: true}}
  omni:  {{backend: gguf_native, path: omni.gguf, mmproj: omni-mmproj.gguf, context_length: 2048, preload: true}}
  embed: {{backend: gguf_native, path: embed.gguf, kind: embedding, context_length: 512, pinned: true, preload: true}}
)";

Result<void> refuse_taken_port(std::uint16_t port, const char* whose) {
    const auto owner = find_port_owner(port);
    if (!owner) return {};
    return fail(Code::io,
                fmt::format("port {} of 127.0.0.1, for {}, is taken by process {}: {}", port, whose, owner->pid,
                            owner->command),
                "End that process, or choose other ports: sarai demo --port N --lan-port M.");
}

// `program` is what to type to call it: a command that is shown is one that can be copied.
void print_welcome(const std::string& program, const std::string& url, const fs::path& main_file,
                   const fs::path& lan_file, pid_t lan_pid) {
    fmt::print(R"(
sarai {version} is ready on {url}

  solar   the expert, on the "LAN box" (a second process that plays an Ollama server), with a local fallback
  lfm2    the small fast one, local, never unloaded
  omni    the multimodal one, local
  embed   embeddings, local
  auto    whichever of the first three fits the prompt

solar and lfm2 are both the demo's own model: very small, it has learnt to answer questions about sarai in English and
Spanish, and nothing else. omni and embed have random weights: omni talks gibberish. Everything around them is real.
For real answers, copy {main_file} to a file of your own,
point its paths at GGUF files and its url at your Ollama server, then: {program} serve --config YOUR_FILE

Some things to try from another shell:

  {program} run solar "What happens when the LAN box dies?"{at}
  {program} run auto "I feel a bit lonely today"{at}        # the router finds the model; the answer's headers say why
  {program} route "¿Por qué da segfault este puntero?"{at}  # which one it would be
  {program} ps{at}
  curl -N {url}/v1/chat/completions -H 'Content-Type: application/json' \
       -d '{{"model":"lfm2","stream":true,"max_tokens":80,"messages":[{{"role":"user","content":"¿Qué es sarai?"}}]}}'

And one more: end the LAN box and ask solar again; it answers from its local fallback.

  kill {lan_pid}        # bring it back with: {program} serve --config {lan_file}

Ctrl-C ends everything.
)",
               fmt::arg("version", version), fmt::arg("url", url), fmt::arg("program", program),
               fmt::arg("at", url == cli::default_url ? "" : " --url " + url),
               fmt::arg("main_file", main_file.string()), fmt::arg("lan_file", lan_file.string()),
               fmt::arg("lan_pid", lan_pid));
    std::fflush(stdout);
}

// It may have found its port taken by somebody whom we could not see.
void check(LanBox& box, const fs::path& log) {
    if (box.runs()) return;
    std::ifstream said(log);
    std::string last;
    for (std::string line; std::getline(said, line);)
        if (!line.empty()) last = line;
    fmt::print(stderr, "sarai: the LAN box did not start, so solar has its local fallback alone; its last words: {}\n",
               last.empty() ? "none" : last);
}

}  // namespace

int run_demo(const DemoOptions& options) {
    const auto folder = demo_folder();
    const auto give_up = [](const Error& error) {
        fmt::print(stderr, "sarai: {}\n", describe(error));
        return exit_status(error.code);
    };
    if (options.port == options.lan_port)
        return give_up({.code = Code::invalid_argument,
                        .message = fmt::format("--port and --lan-port are both {}; expected two ports", options.port)});
    for (const auto& free :
         {refuse_taken_port(options.port, "the demo"), refuse_taken_port(options.lan_port, "the demo's LAN box")})
        if (!free) return give_up(free.error());
    if (auto made = make_models(folder); !made) return give_up(made.error());
    // Named by their ports, so that two demos do not overwrite each other's.
    const auto lan_file = folder / fmt::format("lan-box-{}.yaml", options.lan_port);
    const auto main_file = folder / fmt::format("demo-{}.yaml", options.port);
    auto written = write_file(lan_file, fmt::format(lan_config, fmt::arg("lan_port", options.lan_port)));
    if (written)
        written = write_file(main_file, fmt::format(main_config, fmt::arg("port", options.port),
                                                    fmt::arg("lan_port", options.lan_port)));
    if (!written) return give_up(written.error());

    // Its own variables must not change what the demo is.
    const auto config = config::load(main_file, config::Environment{});
    if (!config) {
        for (const auto& problem : config.error()) fmt::print(stderr, "{}\n", to_string(problem));
        return 1;
    }
    const auto lan_log = folder / "lan-box.log";
    LanBox lan_box{spawn(engine::own_program(), {"serve", "--config", lan_file.string()}, lan_log)};
    if (lan_box.pid < 0)
        return give_up({.code = Code::io,
                        .message = "the demo's LAN box could not be started: no further process is allowed here",
                        .hint = "See `ulimit -u`, and a container's limit of processes."});
    // It stands for another machine, so its memory is not of this one's budget.
    return run_daemon(*config, {.on_listening = {},
                                .on_ready =
                                    [&](const std::string& url) {
                                        print_welcome(options.called_as, url, main_file, lan_file, lan_box.pid);
                                        check(lan_box, lan_log);
                                    },
                                .stranger = lan_box.pid});
}

}  // namespace sarai::app
