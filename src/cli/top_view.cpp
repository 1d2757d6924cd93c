#include "cli/top_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "config/problem.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;
using namespace protocols;

std::string row_text(const json::object& object, std::string_view key) {
    return config::printable(string_at(object, key), 400);
}

std::int64_t row_number(const json::object& object, std::string_view key) {
    return integer_at(object, key).value_or(0);
}

std::optional<double> real_at(const json::object& object, std::string_view key) {
    const auto* value = find(object, key);
    if (value == nullptr || !value->is_number()) return std::nullopt;
    return value->to_number<double>();
}

std::string state_of(const json::object& row) {
    auto state = row_text(row, "state");
    if (const auto share = real_at(row, "progress")) state += fmt::format(" {:.0f}%", *share * 100);
    if (true_at(row, "draining")) state += ", draining";
    if (true_at(row, "quarantined")) state += ", quarantine";
    if (const auto pause = integer_at(row, "restart_in_s")) state += fmt::format(", restarts in {} s", *pause);
    return state;
}

TopModel model_of(const json::object& row, const TopHistory& history) {
    TopModel model{.name = row_text(row, "name"),
                   .backend = row_text(row, "backend"),
                   .state = state_of(row),
                   .endpoint = row_text(row, "endpoint"),
                   .local = string_at(row, "endpoint") == "local",
                   .drain_asked = true_at(row, "drain_asked"),
                   .planned = row_number(row, "planned_bytes"),
                   .measured = row_number(row, "measured_bytes"),
                   .peak = row_number(row, "peak_bytes"),
                   .in_flight = integer_at(row, "in_flight"),
                   .waiting = row_number(row, "waiting"),
                   .rate = history.of(std::string(string_at(row, "name")), std::string(string_at(row, "backend")))};
    if (const auto* all = array_at(row, "endpoints"); all != nullptr && all->size() > 1)
        model.endpoint += fmt::format(" +{}", all->size() - 1);
    return model;
}

TopEndpoint endpoint_of(const json::object& row) {
    return {.name = row_text(row, "name"),
            .up = true_at(row, "up"),
            .breaker = row_text(row, "breaker"),
            .in_flight = row_number(row, "in_flight"),
            .capacity = row_number(row, "capacity"),
            .round_trip_ms = real_at(row, "round_trip_ms"),
            .distance = row_text(row, "distance"),
            .last_error = row_text(row, "last_error")};
}

template <class Row>
void each_object(const json::array* rows, const Row& row) {
    if (rows == nullptr) return;
    for (const auto& entry : *rows)
        if (const auto* object = entry.if_object()) row(*object);
}

void read_ledger(const json::object& ledger, TopView& view) {
    view.budget = row_number(ledger, "budget_bytes");
    view.reserved = row_number(ledger, "reserved_bytes");
    view.used = row_number(ledger, "measured_bytes");
    view.peak = row_number(ledger, "peak_bytes");
    view.available = row_number(ledger, "available_bytes");
    view.shares.front().filled = row_number(ledger, "own_bytes") + row_number(ledger, "other_bytes");
    // What is reserved for nobody else is sarai's own.
    std::int64_t models = 0;
    for (const auto& model : view.models) models += model.planned;
    view.shares.front().promised = std::max<std::int64_t>(0, view.reserved - models);
}

}  // namespace

TopView view_of(const json::object& status, const TopHistory& history) {
    TopView view{
        .version = row_text(status, "version"), .uptime_s = row_number(status, "uptime_s"), .shares = {Share{}}};
    each_object(array_at(status, "models"),
                [&](const json::object& row) { view.models.push_back(model_of(row, history)); });
    for (const auto& model : view.models)
        view.shares.push_back({.filled = model.measured, .promised = model.planned, .peak = model.peak});
    each_object(array_at(status, "endpoints"),
                [&](const json::object& row) { view.endpoints.push_back(endpoint_of(row)); });
    if (const auto* ledger = object_at(status, "ledger")) read_ledger(*ledger, view);
    if (const auto* enforcement = object_at(status, "enforcement")) {
        const auto* open = find(*enforcement, "admission_open");
        if (open != nullptr && open->is_bool() && !open->get_bool())
            view.trouble = "no model is loaded for now: " + row_text(*enforcement, "reason");
    }
    return view;
}

std::vector<std::string> log_lines(const json::array& lines) {
    std::vector<std::string> texts;
    each_object(&lines, [&](const json::object& line) {
        // "2026-11-27T12:03:11.123Z"
        const auto at = string_at(line, "at");
        const auto time = at.size() >= 19 ? at.substr(11, 8) : at;
        texts.push_back(fmt::format("{} {} {}", config::printable(time), row_text(line, "level"),
                                    config::printable(string_at(line, "text"), 400)));
    });
    return texts;
}

}  // namespace sarai::cli
