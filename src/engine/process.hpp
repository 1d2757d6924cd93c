// A child process: started, watched, ended and always reaped.
//
// The child dies with the thread that started it (PR_SET_PDEATHSIG), so start children only from the io thread, which
// lives as long as the program. It gets a process group of its own, so that Ctrl-C at a terminal reaches us alone and
// we decide when workers stop. What it started itself ends with it. Its output is kept in bounded buffers.
#pragma once

#include <sys/types.h>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"

namespace sarai::engine {

// Bounds of a program, of those above all that read what strangers sent. 0: none. Without a network it can make no
// socket; nothing that it starts, and nothing that it is turned into, can either. Without AMX (Intel's matrix unit) the
// kernel refuses its registers, and ggml computes with AVX-512: memory::LoadMode says where and why.
struct Cage {
    Bytes address_space;
    Bytes data;       // of it, what it may write to: heap, stacks, what it maps for itself alone (RLIMIT_DATA)
    Bytes file_size;  // of each file that it writes
    std::chrono::seconds cpu{};
    bool network = true;
    bool amx = true;  // nothing to refuse on other processors
};

struct Command {
    std::filesystem::path program;  // absolute, see find_program()
    std::vector<std::string> arguments = {};
    std::map<std::string, std::string> environment = {};  // added to ours
    std::filesystem::path cgroup = {};  // a cgroup.procs file: the child moves there before it runs the program
    std::size_t most_output = std::size_t{1} << 20;  // bytes of its standard output that are kept: the first ones
    Cage cage = {};
    bool piped = false;  // its standard input and output are whoever started it's: feed(), read()
};

// A program's absolute path: itself if it has a slash, else beside our own executable, else on PATH.
// Errors: not_found, with the folders that were searched.
[[nodiscard]] Result<std::filesystem::path> find_program(const std::string& name);

struct ExitStatus {
    bool signalled = false;
    int code = 0;  // exit code, or the signal's number
    // "exited with status 1", "was killed by signal 9 (Killed)".
    [[nodiscard]] std::string describe() const;
};

class ChildProcess {
public:
    // Errors: io (cannot start).
    [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start(boost::asio::any_io_executor executor,
                                                                     const Command& command);
    // Kills what still runs; the process is reaped as long as the io_context runs.
    ~ChildProcess();
    ChildProcess(const ChildProcess&) = delete;
    ChildProcess& operator=(const ChildProcess&) = delete;

    [[nodiscard]] pid_t pid() const;
    [[nodiscard]] bool running() const;  // not reaped yet
    void signal(int number);             // nothing if reaped
    void signal_group(int number);       // also to what it started itself

    // Resumes when the process was reaped and its output read to the end. Any number may wait.
    [[nodiscard]] boost::asio::awaitable<ExitStatus> wait();
    // The same, at most `budget`; nullopt if it still runs.
    [[nodiscard]] boost::asio::awaitable<std::optional<ExitStatus>> wait_for(std::chrono::milliseconds budget);
    // SIGTERM, `grace`, SIGKILL; resumes when it was reaped.
    [[nodiscard]] boost::asio::awaitable<ExitStatus> stop(std::chrono::milliseconds grace);

    // Of a piped child, by one caller each. feed() waits until it has taken all of it; read() for what it writes next,
    // "" at its end. What is not read holds it up.
    // Errors of feed: io, where it has closed its input or ended.
    [[nodiscard]] boost::asio::awaitable<Result<void>> feed(std::string_view bytes);
    void end_input();
    [[nodiscard]] boost::asio::awaitable<std::string> read();

    [[nodiscard]] const std::string& output() const;  // standard output, its first `most_output` bytes
    // The last lines of standard error (of both where that says nothing), at most `lines`.
    [[nodiscard]] std::string last_words(std::size_t lines) const;

private:
    struct State;
    [[nodiscard]] static Result<std::unique_ptr<ChildProcess>> start_or_throw(boost::asio::any_io_executor executor,
                                                                              const Command& command);
    explicit ChildProcess(std::shared_ptr<State> state);
    std::shared_ptr<State> state_;
};

}  // namespace sarai::engine
