#include "cli/key.hpp"

#include <fmt/format.h>
#include <sys/random.h>

#include <array>
#include <cerrno>
#include <ostream>
#include <system_error>

#include "base/error.hpp"
#include "base/sha256.hpp"
#include "config/problem.hpp"
#include "config/values.hpp"

namespace sarai::cli {

std::string random_key() {
    std::array<unsigned char, 32> bytes{};
    if (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size()))
        throw std::system_error(errno, std::generic_category(), "getrandom");
    std::string key = "sk-sarai-";
    for (const auto byte : bytes) key += fmt::format("{:02x}", byte);
    return key;
}

int make_key(const std::string& owner, Io& io) {
    if (!config::is_model_name(owner)) {
        print_error(io,
                    fmt::format("NAME is \"{}\"; expected letters, digits and . _ : / -", config::printable(owner)));
        return exit_status(Code::invalid_argument);
    }
    const auto key = random_key();
    io.out << fmt::format(
        "The key, shown this once:\n\n"
        "  {}\n\n"
        "In the configuration (\"sarai reload\" lets a running server know it):\n\n"
        "access:\n"
        "  keys:\n"
        "    \"{}\": {{sha256: {}}}\n\n"
        "Further settings of a key: admin, models, requests_per_minute, tokens_per_minute, concurrency.\n",
        key, owner, sha256_hex(key));
    return 0;
}

}  // namespace sarai::cli
