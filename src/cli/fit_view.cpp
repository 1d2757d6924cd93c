#include "cli/fit_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/configuration_yaml.hpp"
#include "cli/stacked_bar.hpp"
#include "cli/table.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

std::string or_dash(Bytes bytes) { return bytes == Bytes{} ? "-" : to_string(bytes); }

std::string table(const FitReport& report) {
    std::vector<std::vector<std::string>> rows;
    for (std::size_t i = 0; i < report.fit.models.size(); ++i) {
        const auto& [shape, plan, ideal, next, next_cost] = report.fit.models[i];
        rows.push_back({report.names[i], std::to_string(shape.context_length), shape.kv_cache_type,
                        std::to_string(shape.parallel), or_dash(shape.prompt_cache), std::to_string(shape.batch),
                        shape.model.filename().string(), to_string(plan.total())});
    }
    rows.push_back({"sarai itself", "", "", "", "", "", "", to_string(report.own)});
    if (report.fit.errors > Bytes{})
        rows.push_back({"error bars", "", "", "", "", "", "", to_string(report.fit.errors)});
    rows.push_back({"total", "", "", "", "", "", "", to_string(report.needed())});
    return render_table({{"MODEL"},
                         {"CONTEXT", Align::right},
                         {"KV"},
                         {"SLOTS", Align::right},
                         {"PROMPT CACHE", Align::right},
                         {"BATCH", Align::right},
                         {"FILE"},
                         {"TOTAL", Align::right}},
                        rows);
}

std::string picture(const FitReport& report, const Screen& screen) {
    StackedBar bar{.segments = {}, .limit = report.budget.count};
    for (std::size_t i = 0; i < report.names.size(); ++i)
        bar.segments.push_back({report.names[i], report.fit.models[i].plan.total().count});
    bar.segments.push_back({"sarai", report.own.count});
    if (report.fit.errors > Bytes{}) bar.segments.push_back({"error bars", report.fit.errors.count});
    const int width = std::clamp(screen.width, 20, 160);
    return render_stacked_bar(bar, width, screen.unicode, screen.style) + "\n" +
           render_legend(bar, width, screen.unicode, screen.style) + "\n";
}

// What was changed, what the budget cost, and what the next step would.
std::string reasons(const FitReport& report) {
    std::string text;
    const auto left = report.budget - report.needed();
    for (std::size_t i = 0; i < report.names.size(); ++i) {
        const auto& model = report.fit.models[i];
        text += report.names[i] + ":";
        const auto changed = memory::difference(report.configured[i], model.shape);
        const auto before = memory::difference(model.shape, report.configured[i]);
        text += changed.empty() ? " as configured" : fmt::format(" {} (configured: {})", changed, before);
        if (model.next && report.fit.possible)
            text +=
                fmt::format("\n  one step up: {} takes {} more; left: {}", memory::difference(model.shape, *model.next),
                            to_string(model.next_cost), to_string(left));
        const auto given_up = memory::difference(model.shape, model.ideal);
        text += given_up.empty() ? "; nothing would be better" : "\n  without a budget: " + given_up;
        text += "\n";
    }
    return text;
}

std::string verdict(const FitReport& report, const Style& style) {
    const auto needed = report.needed();
    std::string text;
    if (report.fit.possible) {
        text = fmt::format("{}: {} of the budget of {}, {} left\n", style.green("fits"), to_string(needed),
                           to_string(report.budget), to_string(report.budget - needed));
    } else {
        text = fmt::format("{}: the least that these models can do with is {}, {} more than the budget of {}\n",
                           style.red("does not fit"), to_string(needed), to_string(needed - report.budget),
                           to_string(report.budget));
        for (std::size_t i = 0; i < report.names.size(); ++i) {
            const auto projector = memory::components_of(report.fit.models[i].plan).projector;
            if (projector != Bytes{})
                text += fmt::format("without the mmproj of {}: {} less\n", report.names[i], to_string(projector));
        }
    }
    for (const auto& line : report.notes) text += fmt::format("{}: {}\n", style.yellow("note"), line);
    if (report.budget > report.machine_budget)
        text += fmt::format("{}: this machine gives {} (RAM less memory.reserve), so the budget would not be reached\n",
                            style.yellow("note"), to_string(report.machine_budget));
    return text;
}

}  // namespace

std::string fit_text(const FitReport& report, const Screen& screen) {
    return table(report) + "\n" + picture(report, screen) + "\n" + reasons(report) + "\n" +
           verdict(report, screen.style);
}

std::string fit_json(const FitReport& report) {
    json::array models;
    for (std::size_t i = 0; i < report.names.size(); ++i) {
        const auto& model = report.fit.models[i];
        json::array lines;
        for (const auto& line : model.plan.lines) lines.push_back({{"what", line.what}, {"bytes", line.bytes.count}});
        json::object entry{{"name", report.names[i]},
                           {"path", model.shape.model.string()},
                           {"context_length", model.shape.context_length},
                           {"parallel", model.shape.parallel},
                           {"kv_cache_type", model.shape.kv_cache_type},
                           {"prompt_cache_bytes", model.shape.prompt_cache.count},
                           {"batch", model.shape.batch},
                           {"load_mode", memory::name_of(model.shape.load_mode)},
                           {"total_bytes", model.plan.total().count},
                           {"lines", std::move(lines)},
                           {"without_budget", memory::difference(model.shape, model.ideal)},
                           {"next", nullptr}};
        if (model.next)
            entry["next"] = {{"change", memory::difference(model.shape, *model.next)},
                             {"bytes", model.next_cost.count}};
        models.emplace_back(std::move(entry));
    }
    json::object result{{"possible", report.fit.possible},
                        {"budget_bytes", report.budget.count},
                        {"own_bytes", report.own.count},
                        {"total_bytes", report.fit.total.count},
                        {"pessimistic_bytes", (report.fit.total + report.fit.errors).count},
                        {"needed_bytes", report.needed().count},
                        {"missing_bytes", std::max(Bytes{}, report.needed() - report.budget).count},
                        {"models", std::move(models)}};
    if (report.fit.possible) result["configuration"] = configuration_yaml(report.config);
    return json::serialize(result) + "\n";
}

}  // namespace sarai::cli
