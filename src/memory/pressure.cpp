#include "memory/pressure.hpp"

#include <charconv>
#include <fstream>
#include <sstream>
#include <string>

namespace sarai::memory {
namespace {

// The number behind "avg10=" in the line that starts with `kind`: "some avg10=0.12 avg60=0.00 avg300=0.00 total=1".
std::optional<double> average_of(std::string_view text, std::string_view kind) {
    constexpr std::string_view key = " avg10=";
    while (!text.empty()) {
        const auto end = text.find('\n');
        const auto line = text.substr(0, end);
        text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
        if (!line.starts_with(kind)) continue;
        const auto rest = line.substr(kind.size());
        if (!rest.starts_with(key)) continue;
        double value = 0;
        if (std::from_chars(rest.data() + key.size(), rest.data() + rest.size(), value).ec == std::errc{}) return value;
    }
    return std::nullopt;
}

}  // namespace

std::optional<Pressure> parse_pressure(std::string_view text) {
    const auto some = average_of(text, "some");
    if (!some) return std::nullopt;
    return Pressure{.some = *some, .full = average_of(text, "full").value_or(0)};
}

std::optional<Pressure> read_pressure(const std::filesystem::path& file) {
    std::ifstream in(file);
    std::ostringstream text;
    text << in.rdbuf();
    return parse_pressure(text.view());
}

}  // namespace sarai::memory
