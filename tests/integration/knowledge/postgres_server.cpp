#include "postgres_server.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <libpq-fe.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <thread>
#include <vector>

namespace sarai::test {
namespace fs = std::filesystem;

namespace {

constexpr uid_t nobody = 65534;  // PostgreSQL refuses to run as root

// Runs it as nobody where we are root, its output into a file.
pid_t launch(const std::vector<std::string>& command, const fs::path& log) {
    const auto pid = ::fork();
    if (pid != 0) return pid;
    const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (::dup2(out, 1) < 0 || ::dup2(out, 2) < 0) ::_exit(1);
    if (::geteuid() == 0 && (::setgroups(0, nullptr) != 0 || ::setgid(nobody) != 0 || ::setuid(nobody) != 0))
        ::_exit(2);
    ::prctl(PR_SET_PDEATHSIG,
            SIGQUIT);  // after setuid, which forgets it: PostgreSQL ends at once and takes its children along
    if (::chdir("/") != 0) ::_exit(1);
    std::vector<char*> arguments;
    for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
}

int wait_for(pid_t pid) {
    int status = 0;
    while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

std::string read(const fs::path& file) {
    std::ifstream in(file);
    return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

PostgresServer::PostgresServer() {
    std::error_code ignored;
    for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
        if (fs::exists(entry.path() / "bin/initdb") && entry.path() / "bin" > programs_)
            programs_ = entry.path() / "bin";
    }
    if (programs_.empty()) throw std::runtime_error("there is no PostgreSQL in /usr/lib/postgresql");
    if (::geteuid() == 0 && ::chown(folder_.path().c_str(), nobody, nobody) != 0)
        throw std::runtime_error("cannot give a folder to nobody");
    const auto log = folder_.path() / "initdb.log";
    const auto data = (folder_.path() / "data").string();
    if (wait_for(launch({programs_ / "initdb", "-D", data, "-U", "sarai", "-A", "trust", "-E", "UTF8",
                         "--locale=C.UTF-8", "--no-sync"},
                        log)) != 0)
        throw std::runtime_error("initdb: " + read(log));
    start();
}

PostgresServer::~PostgresServer() { stop(SIGINT); }

void PostgresServer::start() {
    const auto log = folder_.path() / "server.log";
    pid_ = launch({programs_ / "postgres", "-D", folder_.path() / "data", "-k", folder_.path(), "-c",
                   "listen_addresses=", "-c", "shared_buffers=32MB"},
                  log);
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    while (PQping(address("postgres").c_str()) != PQPING_OK) {
        if (::waitpid(pid_, nullptr, WNOHANG) == pid_ || std::chrono::steady_clock::now() > deadline)
            throw std::runtime_error("postgres: " + read(log));
        std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
}

void PostgresServer::stop(int signal) {
    if (pid_ <= 0) return;
    ::kill(pid_, signal);
    wait_for(pid_);
    pid_ = -1;
}

void PostgresServer::crash() {
    stop(SIGKILL);
    // Its children notice and end; until then the memory that they share is in use.
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    start();
}

std::string PostgresServer::address(const std::string& database) const {
    return fmt::format("postgresql:///{}?user=sarai&host={}", database, folder_.path().string());
}

std::string PostgresServer::new_database() {
    const auto name = fmt::format("test{}", ++databases_);
    PGconn* const connection = PQconnectdb(address("postgres").c_str());
    PGresult* const made = PQexec(connection, ("CREATE DATABASE " + name).c_str());
    const bool done = PQresultStatus(made) == PGRES_COMMAND_OK;
    const std::string said = PQerrorMessage(connection);
    PQclear(made);
    PQfinish(connection);
    if (!done) throw std::runtime_error(said);
    return address(name);
}

}  // namespace sarai::test
