#include "app/demo_model.hpp"

#include <fmt/format.h>

#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <system_error>

// In demo_model.S.
extern "C" {
extern const std::byte sarai_demo_model[];
extern const std::byte sarai_demo_model_end[];
}

namespace sarai::app {
namespace fs = std::filesystem;

Result<void> write_demo_model(const fs::path& file) {
    const std::string_view model(reinterpret_cast<const char*>(sarai_demo_model),
                                 static_cast<std::size_t>(sarai_demo_model_end - sarai_demo_model));
    std::error_code error;
    if (fs::file_size(file, error) == model.size() && !error) {
        std::ifstream in(file, std::ios::binary);
        if (std::string(std::istreambuf_iterator<char>(in), {}) == model) return {};
    }
    // Beside its place first: what is being read is not written over.
    auto partial = file;
    partial += ".partial";
    std::ofstream out(partial, std::ios::binary);
    out.write(model.data(), static_cast<std::streamsize>(model.size()));
    out.close();
    if (!out) {
        fs::remove(partial, error);
        return fail(Code::io, fmt::format("cannot write {}", file.string()), "Is there space left?");
    }
    fs::rename(partial, file, error);
    if (error) return fail(Code::io, fmt::format("cannot write {}", file.string()), error);
    return {};
}

}  // namespace sarai::app
