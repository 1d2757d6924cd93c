// Runs programs and the real llama-server for integration tests: a process per object, reaped with it, reached over a
// unix socket in a folder of its own.
#pragma once

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/bytes.hpp"

namespace sarai::test {

namespace fs = std::filesystem;

// A folder that goes with its owner.
class Folder {
public:
    Folder() {
        std::string name = (fs::temp_directory_path() / "sarai-test-XXXXXX").string();
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp failed");
        path_ = name;
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }
    [[nodiscard]] const fs::path& path() const { return path_; }

private:
    fs::path path_;
};

inline std::string contents(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
}

// Starts `command` with its output in the two files; the child dies with this process.
inline pid_t start(const std::vector<std::string>& command, const fs::path& out, const fs::path& err) {
    std::vector<char*> arguments;
    for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    const pid_t child = ::fork();
    if (child != 0) return child;
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDOUT_FILENO);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600), STDERR_FILENO);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
}

struct Ran {
    int status = 0;  // exit status, or 128 + signal
    std::string out, err;
};

inline int status_of(int wait_status) {
    return WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);
}

inline Ran run(const std::vector<std::string>& command) {
    const Folder folder;
    const pid_t child = start(command, folder / "out", folder / "err");
    int status = 0;
    ::waitpid(child, &status, 0);
    return {status_of(status), contents(folder / "out"), contents(folder / "err")};
}

class RealEngine {
public:
    // The flags that sarai-measure plans for; tests/integration/measure compares the two.
    explicit RealEngine(const fs::path& model, std::vector<std::string> more = {}) {
        std::vector<std::string> command = {"llama-server",
                                            "--model",
                                            model.string(),
                                            "--host",
                                            (folder_ / "engine.sock").string(),
                                            "--threads",
                                            "2",
                                            "--load-mode",
                                            "none",
                                            "--cache-ram",
                                            "0",
                                            "--ctx-checkpoints",
                                            "8",
                                            "--no-ui",
                                            "--sse-ping-interval",
                                            "1"};
        const auto has = [&](const char* flag) { return std::ranges::find(more, flag) != more.end(); };
        if (!has("--ctx-size")) more.insert(more.end(), {"--ctx-size", "2048"});
        if (!has("--parallel")) more.insert(more.end(), {"--parallel", "1"});
        if (!has("--batch-size")) more.insert(more.end(), {"--batch-size", "256", "--ubatch-size", "256"});
        command.insert(command.end(), more.begin(), more.end());
        launch(command);
    }
    // With the arguments that `arguments_for` wants for this socket, and no others.
    explicit RealEngine(const std::function<std::vector<std::string>(const fs::path&)>& arguments_for) {
        auto command = arguments_for(folder_ / "engine.sock");
        command.insert(command.begin(), "llama-server");
        launch(command);
    }
    ~RealEngine() {
        if (child_ <= 0) return;
        ::kill(child_, SIGKILL);
        ::waitpid(child_, nullptr, 0);
    }
    RealEngine(const RealEngine&) = delete;
    RealEngine& operator=(const RealEngine&) = delete;

    [[nodiscard]] boost::json::value post(const std::string& path, const boost::json::value& body) const {
        const auto text = boost::json::serialize(body);
        const auto reply = exchange("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                                    "Content-Type: application/json\r\nContent-Length: " + std::to_string(text.size()) +
                                    "\r\n\r\n" + text);
        const auto end = reply.find("\r\n\r\n");
        if (!reply.starts_with("HTTP/1.1 200") || end == std::string::npos) throw std::runtime_error(reply);
        return boost::json::parse(reply.substr(end + 4));
    }

    [[nodiscard]] fs::path socket() const { return folder_ / "engine.sock"; }

    // The most that the process ever had in memory, shared pages counted in full: VmHWM of /proc/PID/status.
    [[nodiscard]] Bytes peak() const { return field("status", "VmHWM:"); }
    // Shared pages counted once over all processes that map them.
    // Not PSS: that of one worker falls as soon as another one runs anywhere on the machine and shares its libraries.
    [[nodiscard]] Bytes rss() const { return field("smaps_rollup", "Rss:"); }

private:
    void launch(const std::vector<std::string>& command) {
        // As sarai's workers have it: threads that spin at barriers take minutes instead of seconds when other tests
        // run.
        ::setenv("OMP_WAIT_POLICY", "passive", 1);
        ::setenv("GOMP_SPINCOUNT", "0", 1);
        child_ = start(command, folder_ / "log", folder_ / "log");
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
        while (!healthy()) {
            int status = 0;
            if (::waitpid(child_, &status, WNOHANG) == child_) {
                child_ = -1;
                throw std::runtime_error("llama-server ended: " + contents(folder_ / "log"));
            }
            if (std::chrono::steady_clock::now() > deadline)
                throw std::runtime_error("llama-server does not get ready");
            std::this_thread::sleep_for(std::chrono::milliseconds(20));
        }
    }

    [[nodiscard]] bool healthy() const {
        return exchange("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            .starts_with("HTTP/1.1 200");
    }

    [[nodiscard]] std::string exchange(const std::string& request) const {
        const int connection = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
        std::strncpy(address.sun_path, (folder_ / "engine.sock").c_str(), sizeof address.sun_path - 1);
        std::string reply;
        if (::connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) {
            std::size_t sent = 0;
            while (sent < request.size()) {
                const auto count = ::send(connection, request.data() + sent, request.size() - sent, MSG_NOSIGNAL);
                if (count <= 0) break;
                sent += static_cast<std::size_t>(count);
            }
            char buffer[65536];
            for (ssize_t count = 0; (count = ::recv(connection, buffer, sizeof buffer, 0)) > 0;) {
                reply.append(buffer, static_cast<std::size_t>(count));
            }
        }
        ::close(connection);
        return reply;
    }

    [[nodiscard]] Bytes field(const std::string& file, const std::string& name) const {
        std::ifstream stream("/proc/" + std::to_string(child_) + "/" + file);
        for (std::string line; std::getline(stream, line);) {
            if (line.starts_with(name)) return KiB(std::atoll(line.c_str() + name.size()));
        }
        throw std::runtime_error("no " + name + " in " + file);
    }

    Folder folder_;
    pid_t child_ = -1;
};

// Whole groups of three bytes; padded with zero bytes, which neither pictures nor sound mind.
inline std::string base64(std::string bytes) {
    constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.resize((bytes.size() + 2) / 3 * 3);
    std::string out;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        unsigned bits = 0;
        for (std::size_t k = 0; k < 3; ++k) bits = bits << 8 | static_cast<unsigned char>(bytes[i + k]);
        for (int shift = 18; shift >= 0; shift -= 6) out += digits[bits >> shift & 63];
    }
    return out;
}

// A picture of stripes as a data URL (PPM, which stb_image reads).
inline std::string picture(int width, int height) {
    std::string bytes = "P6\n" + std::to_string(width) + " " + std::to_string(height) + "\n255\n";
    for (int i = 0; i < 3 * width * height; ++i) bytes += static_cast<char>(i * 7);
    return "data:image/x-portable-pixmap;base64," + base64(std::move(bytes));
}

inline const std::string& synth() {
    static const std::string program = SARAI_BIN_DIR "/sarai-synth";
    return program;
}

// All tiny models, written once per test program.
inline const fs::path& tiny_models() {
    static const Folder folder;
    static const bool written = [] {
        const auto ran = run({synth(), "all", "--size", "tiny", "-o", folder.path().string()});
        if (ran.status != 0) throw std::runtime_error(ran.err);
        return true;
    }();
    static_cast<void>(written);
    return folder.path();
}

}  // namespace sarai::test
