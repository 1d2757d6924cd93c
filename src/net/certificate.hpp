// A server's certificate, as far as its owner wants to know before clients complain.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "base/error.hpp"

namespace sarai::net {

struct Certificate {
    std::string subject;  // "CN=box.lan"
    std::chrono::system_clock::time_point expires;
};

// The first one of a PEM file. Errors: invalid_argument that names the file.
[[nodiscard]] Result<Certificate> read_certificate(const std::filesystem::path& file);

}  // namespace sarai::net
