#include "knowledge/bounded_child.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "base/utf8.hpp"

namespace sarai::knowledge {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int no_such_program = 127;  // as shells say it
constexpr std::size_t most_complaints = 4096;
constexpr std::chrono::milliseconds glance{100};  // how often a wait looks whether it is still wanted

class Descriptor {
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        close();
        number_ = std::exchange(other.number_, -1);
        return *this;
    }
    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] bool is_open() const { return number_ >= 0; }
    void close() {
        if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

private:
    int number_;
};

std::unexpected<Error> failed(std::string_view doing) {
    return fail(Code::io, fmt::format("cannot {}", doing), last_error());
}

// In memory and without a name: nobody else can change what was hashed before it is read.
Result<Descriptor> as_file(std::string_view bytes) {
    Descriptor file(::memfd_create("sarai-input", MFD_CLOEXEC));
    if (!file.is_open()) return failed("make a file in memory");
    while (!bytes.empty()) {
        const auto written = ::write(file.number(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) return failed("fill a file in memory");
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    if (::lseek(file.number(), 0, SEEK_SET) != 0) return failed("rewind a file in memory");
    return file;
}

struct Pipe {
    Descriptor read, write;
};
Result<Pipe> make_pipe() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("make a pipe");
    return Pipe{Descriptor(ends[0]), Descriptor(ends[1])};
}

void limit(__rlimit_resource_t resource, std::int64_t value) {
    const rlimit both{static_cast<rlim_t>(value), static_cast<rlim_t>(value)};
    ::setrlimit(resource, &both);
}

// Between fork and exec of a program with threads: system calls only.
[[noreturn]] void become(char* const* arguments, int input, int output, int complaints, const ChildBounds& bounds,
                         pid_t parent) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    if (::dup2(input, 0) < 0 || ::dup2(output, 1) < 0 || ::dup2(complaints, 2) < 0) ::_exit(1);
    ::setsid();
    sigset_t none;
    ::sigemptyset(&none);
    ::sigprocmask(SIG_SETMASK, &none, nullptr);
    limit(RLIMIT_AS, bounds.memory.count);
    if (bounds.data.count > 0) limit(RLIMIT_DATA, bounds.data.count);
    limit(RLIMIT_CPU, bounds.time.count());
    limit(RLIMIT_FSIZE, 0);
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_NOFILE, 64);
    ::execvp(arguments[0], arguments);
    ::_exit(no_such_program);
}

// How long a child is waited for.
class Patience {
public:
    Patience(const ChildBounds& bounds, std::string_view what)
        : bounds_(bounds), what_(what), deadline_(Clock::now() + bounds.time) {}
    // For poll(). Errors: timeout, cancelled.
    [[nodiscard]] Result<int> left() const {
        if (bounds_.stop.stop_requested()) return fail(Code::cancelled, fmt::format("{} was given up", what_));
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline_ - Clock::now());
        if (left.count() <= 0) return too_long();
        return static_cast<int>(std::min(left, glance).count());
    }
    [[nodiscard]] std::unexpected<Error> too_long() const {
        return fail(Code::timeout, fmt::format("{} took longer than {} s", what_, bounds_.time.count()));
    }

private:
    const ChildBounds& bounds_;
    std::string_view what_;
    Clock::time_point deadline_;
};

// Kills and reaps, however this ends.
class Child {
public:
    explicit Child(pid_t pid) : pid_(pid) {}
    ~Child() {
        if (pid_ > 0) kill(), (void)wait();
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    void kill() const {
        ::kill(-pid_, SIGKILL);  // what it started itself; nothing if it has no session of its own yet
        ::kill(pid_, SIGKILL);
    }
    [[nodiscard]] Result<void> end_before(const Patience& patience) const {
        // By its number: the header of glibc 2.43 declares pidfd_open() for C alone.
        const Descriptor process(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
        pollfd ended{process.number(), POLLIN, 0};
        for (;;) {
            const auto left = patience.left();
            if (!left) return std::unexpected(left.error());
            const int ready = ::poll(&ended, 1, *left);
            if (ready > 0) return {};
            if (ready < 0 && errno != EINTR) return failed("wait for a process");
        }
    }
    int wait() {
        int status = 0;
        while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {}
        pid_ = -1;
        return status;
    }

private:
    pid_t pid_;
};

std::string last_line(std::string_view text) {
    text = text.substr(0, text.find_last_not_of(" \n") + 1);
    return valid_utf8(text.substr(text.find_last_of('\n') + 1));
}

}  // namespace

Result<std::string> run_bounded(const std::vector<std::string>& command, std::string_view input,
                                const ChildBounds& bounds, std::string_view what) {
    auto file = as_file(input);
    if (!file) return std::unexpected(file.error());
    auto output = make_pipe(), complaints = make_pipe();
    if (!output) return std::unexpected(output.error());
    if (!complaints) return std::unexpected(complaints.error());
    std::vector<char*> arguments;
    for (const auto& argument : command)
        arguments.push_back(const_cast<char*>(argument.c_str()));  // exec does not write to them
    arguments.push_back(nullptr);

    const Patience patience(bounds, what);
    const auto parent = ::getpid();
    const auto pid = ::fork();
    if (pid < 0) return failed("start a process");
    if (pid == 0)
        become(arguments.data(), file->number(), output->write.number(), complaints->write.number(), bounds, parent);
    Child child(pid);
    output->write.close();
    complaints->write.close();

    std::string printed, said;
    std::array<char, 65536> block{};
    while (output->read.is_open() || complaints->read.is_open()) {
        const auto left = patience.left();
        if (!left) return std::unexpected(left.error());
        std::array<pollfd, 2> waiting{
            {{output->read.number(), POLLIN, 0}, {complaints->read.number(), POLLIN, 0}}};  // −1: left out
        if (::poll(waiting.data(), waiting.size(), *left) < 0 && errno != EINTR) return failed("wait for a process");
        for (std::size_t i = 0; i < waiting.size(); ++i) {
            if (waiting[i].revents == 0) continue;
            auto& end = i == 0 ? output->read : complaints->read;
            const auto got = ::read(end.number(), block.data(), block.size());
            if (got < 0 && errno == EINTR) continue;
            if (got <= 0) {
                end.close();
                continue;
            }
            const std::string_view bytes(block.data(), static_cast<std::size_t>(got));
            if (i == 0) {
                printed += bytes;
            } else {
                said += bytes;
                if (said.size() > most_complaints) said.erase(0, said.size() - most_complaints);
            }
            if (std::cmp_greater(printed.size(), bounds.output.count))
                return fail(Code::too_large,
                            fmt::format("{} made more than {} of text", what, to_string(bounds.output)));
        }
    }
    // It may have closed both and go on.
    if (auto ended = child.end_before(patience); !ended) return std::unexpected(ended.error());
    const int status = child.wait();
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return printed;
    if (WIFEXITED(status) && WEXITSTATUS(status) == no_such_program && printed.empty())
        return fail(Code::unavailable,
                    fmt::format("{} needs the program {}, which is not installed", what, command.front()));
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) return patience.too_long();
    const auto how = WIFSIGNALED(status) ? fmt::format("was killed by signal {}", WTERMSIG(status))
                                         : fmt::format("exited with status {}", WEXITSTATUS(status));
    const auto line = last_line(said);
    return fail(Code::corrupt_file,
                fmt::format("{} failed: {} {}{}{}", what, command.front(), how, line.empty() ? "" : ": ", line));
}

}  // namespace sarai::knowledge
