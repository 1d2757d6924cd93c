#include "gateway/access_log.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <format>

#include "base/utf8.hpp"

namespace sarai::gateway {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_path = 200;  // clients choose it

// Figures as numbers, the rest as text.
json::value value_of(const std::string& text) {
    double number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (ec != std::errc{} || end != text.data() + text.size() || text.empty()) return json::value(valid_utf8(text));
    if (text.contains('.')) return number;
    std::int64_t whole = 0;
    if (std::from_chars(text.data(), text.data() + text.size(), whole).ec == std::errc{}) return whole;
    return json::value(text);
}

// Nothing of a client's may begin a line or a field of its own.
std::string plain(std::string_view text) {
    auto out = valid_utf8(text.substr(0, longest_path));
    for (auto& c : out)
        if (static_cast<unsigned char>(c) <= ' ' || c == 0x7f) c = '_';
    return out;
}

}  // namespace

std::string access_line(std::string_view method, std::string_view path, std::string_view peer, int status,
                        const Caller& caller, std::chrono::duration<double> took,
                        std::chrono::sys_time<std::chrono::milliseconds> at) {
    json::object line{{"time", std::format("{:%FT%TZ}", at)},
                      {"request_id", caller.id},
                      {"peer", peer},
                      {"method", method},
                      {"path", valid_utf8(path.substr(0, longest_path))},
                      {"status", status}};
    if (!caller.name.empty()) line["key"] = caller.name;
    for (const auto& [name, value] : caller.notes) line[name] = value_of(value);
    line["total_ms"] = std::round(took.count() * 1e4) / 10;
    return json::serialize(line);
}

int status_of(const net::Exchange& exchange, const Caller& caller) {
    if (caller.status != 0) return caller.status;
    return exchange.status() != 0 ? exchange.status() : 499;  // nobody was there any more to be answered
}

void log_access(std::string_view format, const net::Exchange& exchange, const Caller& caller) {
    const auto took = std::chrono::steady_clock::now() - caller.arrived;
    const std::string_view method = exchange.request().method_string();
    if (format == "json") {
        const auto now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
        auto line =
            access_line(method, exchange.path(), exchange.peer(), status_of(exchange, caller), caller, took, now);
        line += '\n';
        // One write: lines of several writers do not mix.
        (void)!::write(STDERR_FILENO, line.data(), line.size());
        return;
    }
    if (format != "text" || !spdlog::should_log(spdlog::level::info)) return;
    std::string fields;
    for (const auto& [name, value] : caller.notes) fields += fmt::format(" {}={}", name, plain(value));
    if (!caller.name.empty()) fields += fmt::format(" key={}", caller.name);
    spdlog::info("{} {} {}{} total_ms={:.1f}", caller.id, plain(exchange.path()), status_of(exchange, caller), fields,
                 std::chrono::duration<double, std::milli>(took).count());
}

}  // namespace sarai::gateway
