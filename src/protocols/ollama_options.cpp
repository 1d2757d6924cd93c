#include "protocols/ollama_options.hpp"

#include <algorithm>
#include <array>

namespace sarai::protocols::ollama {
namespace {

constexpr std::array<std::string_view, 10> integer_options{"num_predict", "num_ctx",      "num_keep",   "num_batch",
                                                           "num_gpu",     "main_gpu",     "num_thread", "seed",
                                                           "top_k",       "repeat_last_n"};
constexpr std::array<std::string_view, 7> float_options{
    "temperature", "top_p", "min_p", "typical_p", "repeat_penalty", "presence_penalty", "frequency_penalty"};

constexpr std::array<std::string_view, 2> switches{"use_mmap", "numa"};
constexpr std::array<std::string_view, 10> retired{"penalize_newline", "low_vram",  "f16_kv",   "logits_all",
                                                   "vocab_only",       "use_mlock", "mirostat", "mirostat_tau",
                                                   "mirostat_eta",     "tfs_z"};

}  // namespace

bool is_retired_option(std::string_view name) { return std::ranges::contains(retired, name); }
bool is_switch(std::string_view name) { return std::ranges::contains(switches, name); }

std::optional<OptionType> type_of_option(std::string_view name) {
    if (std::ranges::contains(integer_options, name)) return OptionType::integer;
    if (std::ranges::contains(float_options, name)) return OptionType::real;
    if (name == "stop") return OptionType::strings;
    return std::nullopt;
}

std::string_view name_of(OptionType type) {
    switch (type) {
        case OptionType::integer: return "integer";
        case OptionType::real: return "float32";
        case OptionType::strings: return "array";
    }
    return "array";
}

bool fits(OptionType type, const boost::json::value& value) {
    return type == OptionType::strings ? value.is_array() : value.is_number();
}

}  // namespace sarai::protocols::ollama
