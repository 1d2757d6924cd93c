// A PostgreSQL server of this test alone: in a folder of its own, on a unix socket, ended with the test.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <string>

#include "support/temp_folder.hpp"

namespace sarai::test {

class PostgresServer {
public:
    // Debian's newest PostgreSQL. Throws std::runtime_error with what it said where it does not start.
    PostgresServer();
    ~PostgresServer();
    PostgresServer(const PostgresServer&) = delete;
    PostgresServer& operator=(const PostgresServer&) = delete;

    // "postgresql://…" of a new database.
    [[nodiscard]] std::string new_database();
    // As a crash does: SIGKILL for all of it; then started again.
    void crash();

private:
    void start();
    void stop(int signal);
    [[nodiscard]] std::string address(const std::string& database) const;

    TempFolder folder_;
    std::filesystem::path programs_;
    pid_t pid_ = -1;
    int databases_ = 0;
};

}  // namespace sarai::test
