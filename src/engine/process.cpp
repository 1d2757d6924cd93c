#include "engine/process.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/asio/readable_pipe.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/writable_pipe.hpp>
#include <boost/asio/write.hpp>
#include <boost/process/v2/environment.hpp>
#include <boost/process/v2/process.hpp>
#include <boost/process/v2/stdio.hpp>
#include <csignal>
#include <cstring>
#include <unordered_map>

#include "base/utf8.hpp"
#include "engine/cage.hpp"
#include "engine/program.hpp"
#include "net/quiet.hpp"
#include "net/task_group.hpp"

namespace sarai::engine {
namespace asio = boost::asio;
namespace bp = boost::process::v2;

namespace {

constexpr std::size_t max_tail = 64U << 10U;

// Writes our pid to a cgroup.procs file. Async-signal-safe.
bool move_to_cgroup(const char* door) {
    std::array<char, 16> digits;
    auto* first = digits.data() + digits.size();
    for (auto pid = ::getpid(); pid > 0; pid /= 10) *--first = static_cast<char>('0' + pid % 10);
    const auto length = digits.data() + digits.size() - first;
    const int file = ::open(door, O_WRONLY | O_CLOEXEC);
    const bool moved = file >= 0 && ::write(file, first, static_cast<std::size_t>(length)) == length;
    if (file >= 0) ::close(file);
    return moved;
}

// Variables that llama-server and ggml take for flags (LLAMA_ARG_CTX_SIZE, LLAMA_API_KEY, GGML_…): nobody plans for
// them. Only where the backends lie is the installation's business.
bool decides_for_the_engine(std::string_view name) {
    return (name.starts_with("LLAMA_") || name.starts_with("GGML_")) && name != "GGML_BACKEND_PATH";
}

// Runs in the child between fork and exec: only async-signal-safe calls.
struct PrepareChild {
    const char* cgroup = nullptr;  // a cgroup.procs file, or null
    const Cage* cage = nullptr;
    pid_t parent = ::getpid();
    boost::system::error_code on_exec_setup(bp::posix::default_launcher& /*launcher*/,
                                            const bp::filesystem::path& /*path*/, const char* const* /*argv*/) const {
        // Before the program allocates anything: memory stays charged to the cgroup where it was touched first.
        if (cgroup != nullptr && !move_to_cgroup(cgroup)) return {errno, boost::system::system_category()};
        ::setpgid(0, 0);
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::getppid() != parent) ::_exit(127);  // it died before the line above took effect
        for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGPIPE}) ::signal(number, SIG_DFL);
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        if (!lock_in(*cage)) return {errno, boost::system::system_category()};
        return {};
    }
};

}  // namespace

Result<std::filesystem::path> find_program(const std::string& name) {
    namespace fs = std::filesystem;
    const auto usable = [](const fs::path& path) {
        return ::access(path.c_str(), X_OK) == 0 && fs::is_regular_file(path);
    };
    if (name.contains('/')) {
        if (usable(name)) return fs::absolute(name);
        return fail(Code::not_found, fmt::format("the program {} does not exist or cannot be executed", name));
    }
    std::vector<fs::path> folders{own_program().parent_path()};
    const char* path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin";
    while (!rest.empty()) {
        const auto colon = rest.find(':');
        folders.emplace_back(rest.substr(0, colon));
        rest = colon == std::string_view::npos ? std::string_view{} : rest.substr(colon + 1);
    }
    for (const auto& folder : folders)
        if (usable(folder / name)) return folder / name;
    return fail(Code::not_found, fmt::format("the program {} was found neither beside sarai nor on PATH", name),
                name == "llama-server" ? "Install llama.cpp (Debian: llama.cpp-tools) or set engine.server_binary."
                                       : "Is the installation complete?");
}

std::string ExitStatus::describe() const {
    if (signalled) return fmt::format("was killed by signal {} ({})", code, ::strsignal(code));
    return fmt::format("exited with status {}", code);
}

struct ChildProcess::State : std::enable_shared_from_this<State> {
    State(const asio::any_io_executor& executor, bp::process started, std::size_t most)
        : process(std::move(started)),
          group(process.id()),
          in(executor),
          out(executor),
          err(executor),
          most_output(most),
          changed(executor, asio::steady_timer::time_point::max()),
          tasks(executor) {}

    bp::process process;
    const pid_t group;       // led by the process; kept, because what has been reaped may have no id any more
    asio::writable_pipe in;  // of a piped child alone
    asio::readable_pipe out;
    asio::readable_pipe err;
    const std::size_t most_output;
    std::string out_text;
    std::string err_tail;
    std::optional<ExitStatus> ended;
    int open_pipes = 2;
    asio::steady_timer changed;
    net::TaskGroup tasks;

    static asio::awaitable<void> watch_exit(std::shared_ptr<State> self) {
        co_await self->process.async_wait(net::quiet);
        // What a wrapper script or the program itself has started would live on and keep its memory.
        if (self->group > 1) ::kill(-self->group, SIGKILL);
        const int status = self->process.native_exit_code();
        self->ended = WIFSIGNALED(status) ? ExitStatus{true, WTERMSIG(status)} : ExitStatus{false, WEXITSTATUS(status)};
        // A grandchild may hold the pipes open; what the child said has arrived by now or is not worth waiting for.
        asio::steady_timer moment(self->changed.get_executor());
        for (int tries = 0; self->open_pipes > 0 && tries < 100; ++tries) {
            moment.expires_after(std::chrono::milliseconds(2));
            co_await moment.async_wait(net::quiet);
        }
        self->open_pipes = 0;
        self->changed.cancel();
    }
    static asio::awaitable<void> read(std::shared_ptr<State> self, asio::readable_pipe& pipe, bool is_error) {
        std::array<char, 4096> part;
        for (;;) {
            auto [ec, n] = co_await pipe.async_read_some(asio::buffer(part), net::quiet);
            if (ec) break;
            const std::string_view text(part.data(), n);
            if (!is_error) self->out_text += text.substr(0, self->most_output - self->out_text.size());
            self->err_tail += text;
            if (self->err_tail.size() > 2 * max_tail) self->err_tail.erase(0, self->err_tail.size() - max_tail);
        }
        if (--self->open_pipes <= 0) self->changed.cancel();
    }
    [[nodiscard]] bool settled() const { return ended && open_pipes <= 0; }
};

ChildProcess::ChildProcess(std::shared_ptr<State> state) : state_(std::move(state)) {}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start(asio::any_io_executor executor, const Command& command) {
    try {
        return start_or_throw(std::move(executor), command);
    } catch (const boost::system::system_error& error) {
        // The launcher throws in spite of its error_code where no pipe can be made: too many open files.
        return fail(Code::io, fmt::format("cannot start {}", command.program.string()), error.code());
    }
}

Result<std::unique_ptr<ChildProcess>> ChildProcess::start_or_throw(asio::any_io_executor executor,
                                                                   const Command& command) {
    boost::system::error_code ec;
    asio::readable_pipe out(executor);
    asio::readable_pipe err(executor);
    std::unordered_map<bp::environment::key, bp::environment::value> environment;
    for (const auto& entry : bp::environment::current())
        if (!decides_for_the_engine(entry.key().string())) environment.emplace(entry.key(), entry.value());
    for (const auto& [key, value] : command.environment) environment[key] = value;
    asio::writable_pipe in(executor);
    auto stdio = command.piped ? bp::process_stdio{.in = in, .out = out, .err = err}
                               : bp::process_stdio{.in = nullptr, .out = out, .err = err};
    bp::posix::default_launcher launcher;
    auto process = launcher(
        executor, ec, command.program.string(), command.arguments, stdio, bp::process_environment(environment),
        PrepareChild{.cgroup = command.cgroup.empty() ? nullptr : command.cgroup.c_str(), .cage = &command.cage});
    if (ec) return fail(Code::io, fmt::format("cannot start {}", command.program.string()), ec);
    auto state = std::make_shared<State>(executor, std::move(process), command.most_output);
    state->out = std::move(out);
    state->err = std::move(err);
    state->in = std::move(in);
    if (command.piped)
        --state->open_pipes;
    else
        state->tasks.spawn("output reader", State::read(state, state->out, false));
    state->tasks.spawn("error reader", State::read(state, state->err, true));
    state->tasks.spawn("exit watch", State::watch_exit(state));
    return std::unique_ptr<ChildProcess>(new ChildProcess(std::move(state)));
}

ChildProcess::~ChildProcess() { signal(SIGKILL); }

pid_t ChildProcess::pid() const { return state_->process.id(); }
bool ChildProcess::running() const { return !state_->ended; }
void ChildProcess::signal(int number) {
    if (running()) ::kill(pid(), number);
}

void ChildProcess::signal_group(int number) {
    if (running() && state_->group > 1) ::kill(-state_->group, number);
}

asio::awaitable<ExitStatus> ChildProcess::wait() {
    const auto state = state_;
    while (!state->settled()) { co_await state->changed.async_wait(net::quiet); }
    co_return *state->ended;
}

asio::awaitable<std::optional<ExitStatus>> ChildProcess::wait_for(std::chrono::milliseconds budget) {
    const auto state = state_;
    const auto deadline = std::chrono::steady_clock::now() + budget;
    // A timer of its own: others wait on `changed` without a limit. Ends are rare, so looking every few ms is cheap.
    asio::steady_timer look(state->changed.get_executor());
    while (!state->settled()) {
        if (std::chrono::steady_clock::now() >= deadline) co_return std::nullopt;
        look.expires_after(std::chrono::milliseconds(5));
        co_await look.async_wait(asio::use_awaitable);
    }
    co_return state->ended;
}

asio::awaitable<ExitStatus> ChildProcess::stop(std::chrono::milliseconds grace) {
    signal(SIGTERM);
    if (const auto ended = co_await wait_for(grace)) co_return *ended;
    spdlog::warn("process {} ignored SIGTERM for {} ms and is killed", pid(), grace.count());
    signal(SIGKILL);
    co_return co_await wait();
}

asio::awaitable<Result<void>> ChildProcess::feed(std::string_view bytes) {
    const auto state = state_;
    const auto [ec, written] = co_await asio::async_write(state->in, asio::buffer(bytes), net::quiet);
    if (ec) co_return fail(Code::io, "it takes no more input", ec);
    co_return Result<void>{};
}

void ChildProcess::end_input() {
    boost::system::error_code ignored;
    state_->in.close(ignored);
}

asio::awaitable<std::string> ChildProcess::read() {
    const auto state = state_;
    std::string part(std::size_t{16} << 10U, '\0');
    const auto [ec, n] = co_await state->out.async_read_some(asio::buffer(part), net::quiet);
    part.resize(ec ? 0 : n);
    co_return part;
}

const std::string& ChildProcess::output() const { return state_->out_text; }

std::string ChildProcess::last_words(std::size_t lines) const {
    std::string_view text = state_->err_tail;
    std::string words;
    for (std::size_t seen = 0; !text.empty() && seen < lines;) {
        const auto end = text.rfind('\n');
        const auto line = text.substr(end == std::string_view::npos ? 0 : end + 1);
        text.remove_suffix(std::min(text.size(), line.size() + 1));
        // A backtrace of glibc's: "/usr/lib/libc.so.6(+0x29fba) [0x7fc9a8]". What was said before it says more.
        if (line.empty() || (line.ends_with(']') && line.contains(" [0x"))) continue;
        words = words.empty() ? std::string(line) : fmt::format("{}\n{}", line, words);
        ++seen;
    }
    return valid_utf8(words);
}

}  // namespace sarai::engine
