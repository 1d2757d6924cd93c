#include "engine/amx.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>

#include "engine/cpu.hpp"
#include "memory/gguf_head.hpp"

namespace sarai::engine {
namespace {

// llm_arch_is_recurrent() and llm_arch_is_hybrid() of llama.cpp.
constexpr std::array<std::string_view, 18> keep_state = {
    "arwkv7",  "falcon-h1", "granitehybrid", "jamba",          "kimi-linear", "lfm2",
    "lfm2moe", "mamba",     "mamba2",        "nemotron_h_moe", "plamo2",      "nemotron_h",
    "qwen35",  "qwen35moe", "rwkv6",         "rwkv6qwen2",     "rwkv7",       "qwen3next"};

}  // namespace

std::optional<std::string> architecture_of(const std::filesystem::path& file) {
    std::error_code cause;
    if (!std::filesystem::is_regular_file(file, cause)) return std::nullopt;  // reading a pipe would wait
    std::string head(4096, '\0');
    std::ifstream stream(file, std::ios::binary);
    stream.read(head.data(), static_cast<std::streamsize>(head.size()));
    head.resize(static_cast<std::size_t>(std::max(std::streamsize{0}, stream.gcount())));
    return memory::architecture_in(head);
}

bool may_use_amx(const memory::EngineShape& shape, std::string_view architecture) {
    if (shape.whisper || shape.load_mode == memory::LoadMode::compact) return false;
    return shape.parallel <= 1 || !std::ranges::contains(keep_state, architecture);
}

bool slots_cost_amx(memory::EngineShape shape, std::string_view architecture) {
    if (!may_use_amx(shape, architecture)) return false;
    shape.parallel = 2 * std::max(1, shape.parallel);
    return !may_use_amx(shape, architecture);
}

bool processor_has_amx() {
    static const bool has = [] {
        std::ostringstream text;
        text << std::ifstream("/proc/cpuinfo").rdbuf();
        return std::ranges::contains(parse_cpuinfo(text.view()).features, "amx_int8");
    }();
    return has;
}

Cage cage_of(const memory::EngineShape& shape) {
    return {.amx = !processor_has_amx() || may_use_amx(shape, architecture_of(shape.model).value_or(""))};
}

}  // namespace sarai::engine
