#include "cli/why.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.hpp"
#include "cli/chat.hpp"
#include "cli/table.hpp"
#include "config/problem.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

std::int64_t number_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    boost::system::error_code ec;
    const auto number = value == nullptr ? 0 : value->to_number<std::int64_t>(ec);
    return ec ? 0 : number;
}

std::string text_of(const json::object& object, std::string_view name) {
    const auto* value = object.if_contains(name);
    return value != nullptr && value->is_string() ? config::printable(std::string_view(value->get_string()), 4096) : "";
}

std::string age_of(std::int64_t seconds) {
    if (seconds < 90) return fmt::format("{} s ago", seconds);
    if (seconds < 5400) return fmt::format("{} min ago", (seconds + 30) / 60);
    return fmt::format("{} h ago", (seconds + 1800) / 3600);
}

// Names go into a URL.
std::string percent_encoded(std::string_view text) {
    std::string out;
    for (const unsigned char c : text) {
        const bool plain = std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == '~';
        out += plain ? std::string(1, static_cast<char>(c)) : fmt::format("%{:02X}", c);
    }
    return out;
}

}  // namespace

std::string why_target(const std::string& model, int last) {
    auto target = fmt::format("/sarai/why?last={}", last);
    if (!model.empty()) target += "&model=" + percent_encoded(model);
    return target;
}

std::string render_decisions(const json::object& answer, const Style& style, bool unicode) {
    const auto* list = answer.if_contains("decisions");
    if (list == nullptr || !list->is_array() || list->get_array().empty()) return "nothing was decided yet\n";
    std::string text;
    for (const auto& entry : list->get_array()) {
        const auto* decision = entry.if_object();
        if (decision == nullptr) continue;
        const auto times = number_of(*decision, "times");
        text += fmt::format("{}  {}{}\n  {}\n",
                            style.bold(fmt::format("{} {}", text_of(*decision, "model"), text_of(*decision, "event"))),
                            age_of(number_of(*decision, "age_s")), times > 1 ? fmt::format(", {} times", times) : "",
                            text_of(*decision, "outcome"));
        const auto* options = decision->if_contains("options");
        if (options == nullptr || !options->is_array() || options->get_array().empty()) continue;
        text += fmt::format("  {} asked, {} free; weighed by time:\n",
                            to_string(Bytes{number_of(*decision, "asked_bytes")}),
                            to_string(Bytes{number_of(*decision, "free_bytes")}));
        std::int64_t longest = 1;
        for (const auto& one : options->get_array())
            if (one.is_object()) longest = std::max(longest, number_of(one.get_object(), "cost_ms"));
        std::vector<std::vector<std::string>> rows;
        for (const auto& one : options->get_array()) {
            if (!one.is_object()) continue;
            const auto& option = one.get_object();
            const auto* possible = option.if_contains("possible");
            const bool can = possible != nullptr && possible->is_bool() && possible->get_bool();
            const auto cost = number_of(option, "cost_ms");
            rows.push_back({"   ", text_of(option, "what"), to_string(Bytes{number_of(option, "needs_bytes")}),
                            can ? fmt::format("{:.1f} s", static_cast<double>(cost) / 1000) : "-",
                            can ? render_bar({.filled = cost, .promised = 0, .whole = longest}, 16, unicode) : "",
                            text_of(option, "note")});
        }
        const auto table =
            render_table({{""}, {"WAY"}, {"NEEDS", Align::right}, {"COST", Align::right}, {""}, {"NOTE"}}, rows);
        text += table;
    }
    return text;
}

int show_decisions(const WhyOptions& options, Io& io) {
    const auto origin = find_server(options.server, io);
    if (!origin) return fail_with(io, origin.error());
    const auto answer = get_json(*origin, why_target(options.model, options.last));
    if (!answer) return fail_with(io, answer.error());
    io.out << (options.json ? json::serialize(*answer) + "\n"
                            : render_decisions(*answer, Style{wants_colour(io, io.out_terminal)}, io.unicode));
    return 0;
}

json::object drain_request(const std::string& model) { return {{"model", model}, {"drain", true}}; }

std::string stop_text(const std::string& model, const json::object& answer) {
    const auto* left = answer.if_contains("in_flight");
    if (left == nullptr || !left->is_int64()) {
        const auto* state = answer.if_contains("state");
        const bool absent = state != nullptr && state->is_string() && state->get_string() == "unloaded";
        return model + (absent ? " is not loaded" : " is being unloaded");
    }
    const auto count = left->get_int64();
    if (count == 0) return fmt::format("{} is unloaded once it is loaded and has answered those that wait", model);
    return fmt::format("{} is unloaded as soon as its {} {} ended", model, count,
                       count == 1 ? "answer has" : "answers have");
}

int stop_model(const ServerChoice& server, const std::string& model, bool drain, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) return fail_with(io, origin.error());
    const auto answer =
        post_json(*origin, "/sarai/unload", drain ? drain_request(model) : json::object{{"model", model}});
    if (!answer) return fail_with(io, answer.error());
    io.out << stop_text(model, *answer) << "\n";
    return 0;
}

int load_model(const ServerChoice& server, const std::string& model, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) return fail_with(io, origin.error());
    // As long as it takes; the server has a limit of its own (timeouts.load).
    Patience patience{.at_most = std::chrono::hours(24)};
    if (io.err_terminal)
        patience.every_second = [&] {
            const auto status = get_json(*origin, "/sarai/status");
            if (status) show_status(io, loading_text(json::serialize(*status), model, io.unicode, status_columns(io)));
        };
    const auto answer = post_json(*origin, "/sarai/load", {{"model", model}}, patience);
    show_status(io, {});
    if (!answer) return fail_with(io, answer.error());
    io.out << fmt::format("{} is available\n", model);
    return 0;
}

int reload_server(const ServerChoice& server, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) return fail_with(io, origin.error());
    const auto answer = post_json(*origin, "/sarai/reload", {});
    if (!answer) return fail_with(io, answer.error());
    const auto& result = *answer;
    for (const auto& [key, what] : {std::pair{"kept", "unchanged"},
                                    {"changed", "changed"},
                                    {"added", "added"},
                                    {"removed", "removed"},
                                    {"settings", "now holds"},
                                    {"needs_restart", "needs a restart"}}) {
        const auto* names = result.if_contains(key);
        if (names == nullptr || !names->is_array() || names->get_array().empty()) continue;
        std::vector<std::string_view> list;
        for (const auto& name : names->get_array())
            if (name.is_string()) list.emplace_back(name.get_string());
        io.out << fmt::format("{}: {}\n", what, fmt::join(list, ", "));
    }
    return 0;
}

}  // namespace sarai::cli
