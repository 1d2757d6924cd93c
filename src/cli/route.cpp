#include "cli/route.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>
#include <vector>

#include "cli/table.hpp"
#include "config/problem.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

std::string route_text(const json::object& object, std::string_view key) {
    return config::printable(protocols::string_at(object, key), 4096);
}

double route_number(const json::object& object, std::string_view key) {
    const auto* value = protocols::find(object, key);
    boost::system::error_code ec;
    const auto number = value == nullptr ? 0.0 : value->to_number<double>(ec);
    return ec ? 0.0 : number;
}

}  // namespace

std::string render_route(const json::object& answer, const Style& style) {
    auto text = fmt::format("{}{}\n  {}\n", style.bold(route_text(answer, "model")),
                            protocols::true_at(answer, "would_load") ? "  (would be loaded first)" : "",
                            route_text(answer, "reason"));
    text += fmt::format("  familiar {:.2f}, language {}\n", route_number(answer, "familiar"),
                        route_text(answer, "language"));
    const auto* considered = protocols::array_at(answer, "considered");
    if (considered == nullptr) return text;
    std::vector<std::vector<std::string>> rows;
    for (const auto& entry : *considered) {
        if (!entry.is_object()) continue;
        const auto& one = entry.get_object();
        const bool has_score = route_number(one, "threshold") > 0 || route_number(one, "score") > 0;
        rows.push_back({protocols::true_at(one, "chosen") ? " *" : "  ", route_text(one, "route"),
                        route_text(one, "model"), has_score ? fmt::format("{:.2f}", route_number(one, "score")) : "-",
                        has_score ? fmt::format("{:.2f}", route_number(one, "threshold")) : "-",
                        route_text(one, "note")});
    }
    return text +
           render_table({{""}, {"ROUTE"}, {"MODEL"}, {"SCORE", Align::right}, {"THRESHOLD", Align::right}, {"NOTE"}},
                        rows);
}

int show_route(const ServerChoice& server, const std::string& prompt, bool as_json, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) return fail_with(io, origin.error());
    const auto answer = post_json(*origin, "/sarai/route", {{"text", prompt}});
    if (!answer) return fail_with(io, answer.error());
    io.out << (as_json ? json::serialize(*answer) + "\n"
                       : render_route(*answer, Style{wants_colour(io, io.out_terminal)}));
    return 0;
}

int export_feedback(const ServerChoice& server, bool as_json, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) return fail_with(io, origin.error());
    const auto answer = get_json(*origin, "/sarai/feedback?format=json");
    if (!answer) return fail_with(io, answer.error());
    const json::array none;
    const auto* all = protocols::array_at(*answer, "feedback");
    if (all == nullptr) all = &none;
    if (as_json) {
        io.out << json::serialize(*all) << "\n";
        return 0;
    }
    std::size_t usable = 0;
    for (const auto& entry : *all) {
        const auto* line = entry.is_object() ? protocols::object_at(entry.get_object(), "training") : nullptr;
        if (line == nullptr) continue;
        ++usable;
        io.out << json::serialize(*line) << "\n";
    }
    io.out.flush();
    if (usable < all->size() && io.err_terminal)
        io.err << fmt::format(
            "{} of {} cannot be learned from: no prompt was kept (routing.store_prompts), or nobody said what would "
            "have been right\n",
            all->size() - usable, all->size());
    return 0;
}

}  // namespace sarai::cli
