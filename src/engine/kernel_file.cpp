#include "engine/kernel_file.hpp"

#include <fstream>
#include <sstream>
#include <utility>

namespace sarai::engine {

std::string read_kernel_file(const std::filesystem::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

}  // namespace sarai::engine
