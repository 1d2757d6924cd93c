#include "cli/ps.hpp"

#include <fmt/format.h>

#include <algorithm>
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

constexpr std::array fields{
    "name",       "backend",         "state",      "endpoint",        "pid",         "planned_bytes", "measured_bytes",
    "peak_bytes", "anonymous_bytes", "file_bytes", "over_plan_bytes", "quarantined", "last_error"};

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

// What there is to say beside the state.
std::string progress_of(const json::object& model) {
    if (const auto* flag = find(model, "quarantined"); flag != nullptr && flag->is_bool() && flag->get_bool())
        return ", in quarantine";
    if (const auto* pause = find(model, "restart_in_s"); pause != nullptr && pause->is_int64())
        return fmt::format(", restarts in {} s", pause->get_int64());
    const auto* failure = find(model, "last_error");
    if (failure != nullptr && failure->is_string() && text_of(model, "state") == "unloaded") return ", its load failed";
    const auto* value = find(model, "progress");
    if (value == nullptr || !value->is_number()) return {};
    return fmt::format(" {:.0f}%", value->to_number<double>() * 100);
}

json::array models_of(const json::object& status) {
    const auto* models = find(status, "models");
    return models != nullptr && models->is_array() ? models->get_array() : json::array{};
}

const json::object* member_object(const json::object& object, std::string_view name) {
    const auto* value = find(object, name);
    return value != nullptr ? value->if_object() : nullptr;
}

// Told apart by colour on a terminal, by the letter of the legend elsewhere.
constexpr std::array share_colours{"36", "35", "34", "33", "32"};

// The budget as one bar: sarai itself, then every model in memory, each with what it takes and what it was promised.
std::string draw_budget(const json::object& status, const json::object& ledger, const Style& style, bool unicode) {
    constexpr int width = 60;
    const auto budget = number_of(ledger, "budget_bytes");
    const auto used = number_of(ledger, "measured_bytes");
    const auto reserved = number_of(ledger, "reserved_bytes");
    std::vector<Share> shares(1);
    std::vector<std::string> names{"sarai"};
    auto promised_to_models = std::int64_t{};
    for (const auto& entry : models_of(status)) {
        const auto* model = entry.if_object();
        if (model == nullptr) continue;
        const Share share{.filled = number_of(*model, "measured_bytes"),
                          .promised = number_of(*model, "planned_bytes")};
        if (share.filled <= 0 && share.promised <= 0) continue;
        promised_to_models += share.promised;
        shares.push_back(share);
        names.push_back(text_of(*model, "name"));
    }
    shares[0] = {.filled = number_of(ledger, "own_bytes") + number_of(ledger, "other_bytes"),
                 .promised = std::max<std::int64_t>(0, reserved - promised_to_models)};
    const auto letter = [](std::size_t share) { return std::string(1, static_cast<char>('a' + share % 26)); };
    const auto paint = [&](std::size_t share, std::string_view text) {
        return style.wrap(share_colours[share % share_colours.size()], text);
    };
    std::string bar;
    for (const auto& cell : share_cells(shares, budget, width)) {
        if (cell.kind == Cell::Kind::free)
            bar += unicode ? "░" : ".";
        else if (cell.kind == Cell::Kind::promised)
            bar += paint(cell.share, unicode ? "▒" : "+");
        else
            bar += paint(cell.share, style.on && unicode ? "█" : letter(cell.share));
    }
    std::string text = fmt::format("\nmemory  {}\n", bar);
    for (std::size_t i = 0; i < shares.size(); ++i)
        text += fmt::format("        {} {}  {} of {}\n", paint(i, style.on && unicode ? "█" : letter(i)), names[i],
                            to_string(Bytes{shares[i].filled}), to_string(Bytes{shares[i].promised}));
    const auto line = fmt::format("{} used ({} anonymous, {} file), {} reserved, of {}", to_string(Bytes{used}),
                                  to_string(Bytes{number_of(ledger, "anonymous_bytes")}),
                                  to_string(Bytes{number_of(ledger, "file_bytes")}), to_string(Bytes{reserved}),
                                  to_string(Bytes{budget}));
    return text + "        " +
           (used > budget            ? style.red(line)
            : used * 10 > budget * 9 ? style.yellow(line)
                                     : line) +
           "\n";
}

// Only what somebody should know: that memory is short, and who does not keep the plan.
std::string describe_enforcement(const json::object& status, const json::object& enforcement, const Style& style) {
    std::string text;
    const auto* open = find(enforcement, "admission_open");
    if (open != nullptr && open->is_bool() && !open->get_bool())
        text += style.red(fmt::format("no model is loaded for now: {}", text_of(enforcement, "reason"))) + "\n";
    for (const auto& entry : models_of(status)) {
        const auto* model = entry.if_object();
        if (model == nullptr || number_of(*model, "over_plan_bytes") <= 0) continue;
        text += style.yellow(fmt::format("{} takes {} more than was planned", text_of(*model, "name"),
                                         size_of(*model, "over_plan_bytes"))) +
                "\n";
    }
    return text;
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
                        size_of(*model, "anonymous_bytes"), size_of(*model, "file_bytes"),
                        size_of(*model, "peak_bytes")});
    }
    std::string text = render_table({{"MODEL"},
                                     {"BACKEND"},
                                     {"STATE"},
                                     {"ENDPOINT"},
                                     {"PID", Align::right},
                                     {"PLANNED", Align::right},
                                     {"NOW", Align::right},
                                     {"ANON", Align::right},
                                     {"FILE", Align::right},
                                     {"PEAK", Align::right}},
                                    rows);
    // The title alone is styled: codes inside of cells would count as their width.
    const auto title = text.find('\n');
    text = style.bold(text.substr(0, title)) + text.substr(title);

    const auto* ledger = member_object(status, "ledger");
    if (ledger == nullptr) return text;
    text += draw_budget(status, *ledger, style, unicode);
    if (const auto* enforcement = member_object(status, "enforcement"))
        text += describe_enforcement(status, *enforcement, style);
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
