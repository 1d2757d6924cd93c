#include "cli/ps.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "base/bytes.hpp"
#include "cli/table.hpp"
#include "config/problem.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

constexpr std::array fields{"name", "backend",       "state",          "endpoint",
                            "pid",  "planned_bytes", "measured_bytes", "peak_bytes"};

const json::value* find(const json::object& object, std::string_view name) { return object.if_contains(name); }

std::string text_of(const json::object& object, std::string_view name) {
    const auto* value = find(object, name);
    if (value == nullptr) return "-";
    if (value->is_string()) return config::printable(std::string_view(value->get_string()));
    return value->is_number() ? json::serialize(*value) : "-";
}

std::int64_t number_of(const json::object& object, std::string_view name) {
    const auto* value = find(object, name);
    if (value == nullptr) return 0;
    boost::system::error_code ec;
    const auto number = value->to_number<std::int64_t>(ec);
    return ec ? 0 : number;
}

// A dash for nothing: a remote model takes no memory here, a model that is not loaded none yet.
std::string size_of(const json::object& object, std::string_view name) {
    const auto bytes = number_of(object, name);
    return bytes == 0 ? "-" : to_string(Bytes{bytes});
}

std::string progress_of(const json::object& model) {
    const auto* value = find(model, "progress");
    if (value == nullptr || !value->is_number()) return {};
    return fmt::format(" {:.0f}%", value->to_number<double>() * 100);
}

json::array models_of(const json::object& status) {
    const auto* models = find(status, "models");
    return models != nullptr && models->is_array() ? models->get_array() : json::array{};
}

}  // namespace

std::string render_status(const json::object& status, const Style& style, bool unicode) {
    std::vector<std::vector<std::string>> rows;
    for (const auto& entry : models_of(status)) {
        const auto* model = entry.if_object();
        if (model == nullptr) continue;
        rows.push_back({text_of(*model, "name"), text_of(*model, "backend"),
                        text_of(*model, "state") + progress_of(*model), text_of(*model, "endpoint"),
                        text_of(*model, "pid"), size_of(*model, "planned_bytes"), size_of(*model, "measured_bytes"),
                        size_of(*model, "peak_bytes")});
    }
    std::string text = render_table({{"MODEL"},
                                     {"BACKEND"},
                                     {"STATE"},
                                     {"ENDPOINT"},
                                     {"PID", Align::right},
                                     {"PLANNED", Align::right},
                                     {"NOW", Align::right},
                                     {"PEAK", Align::right}},
                                    rows);
    // The title alone is styled: codes inside of cells would count as their width.
    const auto title = text.find('\n');
    text = style.bold(text.substr(0, title)) + text.substr(title);

    const auto* ledger_value = find(status, "ledger");
    if (ledger_value == nullptr || !ledger_value->is_object()) return text;
    const auto& ledger = ledger_value->get_object();
    const Bar bar{.filled = number_of(ledger, "measured_bytes"),
                  .promised = number_of(ledger, "reserved_bytes"),
                  .whole = number_of(ledger, "budget_bytes")};
    auto drawn = render_bar(bar, 40, unicode);
    const auto taken = std::max(bar.filled, bar.promised);
    drawn = taken > bar.whole            ? style.red(drawn)
            : taken * 10 > bar.whole * 9 ? style.yellow(drawn)
                                         : style.green(drawn);
    text += fmt::format("\nmemory  {}  {} used, {} reserved, of {}\n", drawn, to_string(Bytes{bar.filled}),
                        to_string(Bytes{bar.promised}), to_string(Bytes{bar.whole}));
    return text;
}

std::string status_as_json(const json::object& status) {
    std::string text = "[";
    for (const auto& entry : models_of(status)) {
        const auto* model = entry.if_object();
        if (model == nullptr) continue;
        json::object row;
        for (const auto* field : fields) {
            const auto* value = find(*model, field);
            row[field] = value == nullptr ? json::value(nullptr) : *value;
        }
        text += (text.size() == 1 ? "\n  " : ",\n  ") + json::serialize(row);
    }
    return text + (text.size() == 1 ? "]\n" : "\n]\n");
}

int show_status(const ServerChoice& server, bool as_json, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) {
        print_error(io, describe(origin.error()));
        return exit_status(origin.error().code);
    }
    const auto status = get_json(*origin, "/sarai/status");
    if (!status) {
        print_error(io, describe(status.error()));
        return exit_status(status.error().code);
    }
    io.out << (as_json ? status_as_json(*status)
                       : render_status(*status, Style{wants_colour(io, io.out_terminal)}, io.unicode));
    return 0;
}

}  // namespace sarai::cli
