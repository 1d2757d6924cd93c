#include "app/prove_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <map>
#include <tuple>
#include <utility>

namespace sarai::app {
namespace {

using Seconds = std::chrono::duration<double>;

namespace json = boost::json;

std::chrono::duration<double> median_first_token(const ProofReport& report) {
    std::vector<std::chrono::duration<double>> all;
    for (const auto& model : report.models)
        if (model.error.empty() && !model.embedding) all.push_back(model.first_token);
    if (all.empty()) return {};
    std::ranges::sort(all);
    return all[all.size() / 2];
}

std::chrono::milliseconds longest_load(const ProofReport& report) {
    std::chrono::milliseconds longest{};
    for (const auto& model : report.models) longest = std::max(longest, model.load_time);
    return longest;
}

std::string gigabytes(Bytes bytes) { return fmt::format("{:.1f} GB", static_cast<double>(bytes.count) / 1e9); }

// What the project was told before anybody measured: its two sums are those of config/sarai.yaml, and what else was
// said then was said of that system alone.
bool are_original(const config::Estimates& estimates) {
    return estimates.native == Bytes{19'100'000'000} && estimates.hybrid == Bytes{7'500'000'000};
}

// What was measured, beside the configuration's estimates where it has some.
std::string comparison(const ProofReport& report) {
    struct Row {
        std::string_view what;
        std::string native = "-";
        std::string hybrid = "-";
        std::string measured;
    };
    const auto answered = std::ranges::count_if(report.models, [](const auto& model) { return model.error.empty(); });
    std::vector<Row> rows{
        {.what = "models at once", .measured = fmt::format("{} of {}", answered, report.models.size())},
        {.what = "answers at the same moment", .measured = std::to_string(report.most_in_flight())},
        {.what = "RAM used", .measured = to_string(report.peak_sum)},
        {.what = "RAM free in the budget", .measured = to_string(report.budget - report.peak_sum)},
        {.what = "longest load",
         .measured = fmt::format("{:.2f} s", std::chrono::duration<double>(longest_load(report)).count())},
        {.what = "first token, median",
         .measured = fmt::format("{:.0f} ms", median_first_token(report).count() * 1000)},
        {.what = "pipelines without unloading", .measured = report.all_answered() ? "all stay loaded" : "no"}};
    const auto& estimates = report.estimates;
    const bool original = are_original(estimates);
    if (original) {
        constexpr std::array<std::pair<std::string_view, std::string_view>, 7> said = {
            {{"does not fit 16 GB", "3"},
             {"-", "-"},
             {"", ""},  // their sums
             {"-3.1 GB of 16", "8.5 GB of 16"},
             {"60 s", "under 1 s"},
             {"-", "about +50 ms (LAN)"},
             {"none", "all"}}};
        for (std::size_t i = 0; i < said.size(); ++i) std::tie(rows[i].native, rows[i].hybrid) = said[i];
    }
    if (estimates.native) rows[2].native = gigabytes(*estimates.native);
    if (estimates.hybrid) rows[2].hybrid = gigabytes(*estimates.hybrid);

    const bool compared = estimates.native || estimates.hybrid;
    std::string out;
    const auto line = [&](const Row& row) {
        if (compared)
            out += fmt::format("{:<28} {:>24} {:>24} {:>18}\n", row.what, row.native, row.hybrid, row.measured);
        else
            out += fmt::format("{:<28} {:>18}\n", row.what, row.measured);
    };
    const std::string whose = original ? "original estimate:" : "estimate:";
    line({.what = "", .native = whose, .hybrid = whose, .measured = "measured here"});
    if (compared) out += fmt::format("{:<28} {:>24} {:>24}\n", "", "all native", "hybrid HTTP + GGUF");
    for (const auto& row : rows) line(row);
    return out + "\n";
}

double tokens_per_second(const ProvedModel& model) {
    return model.seconds.count() > 0 ? (model.tokens - 1) / model.seconds.count() : 0;
}

// From when the last one was taken to when the first one had ended. Both are known to within the way between client and
// server, so a moment is not enough: a tenth of the shortest answer is.
bool beside_each_other(Seconds last_taken, Seconds first_ended, Seconds shortest) {
    return first_ended - last_taken > 0.1 * shortest;
}

}  // namespace

bool ProofReport::all_answered() const {
    return !models.empty() && std::ranges::all_of(models, [](const ProvedModel& model) { return model.error.empty(); });
}
int ProofReport::most_in_flight() const {
    std::ptrdiff_t most = 0;  // the most are under way when one of them has just been taken
    for (const auto& last : models)
        most = std::max(most, std::ranges::count_if(models, [&](const ProvedModel& other) {
                            return other.taken <= last.taken &&
                                   beside_each_other(last.taken, std::min(last.ended, other.ended),
                                                     std::min(last.ended - last.taken, other.ended - other.taken));
                        }));
    return static_cast<int>(most);
}
bool ProofReport::simultaneous() const {
    struct Span {
        Seconds taken = Seconds::max();
        Seconds ended = {};
    };
    std::map<std::string_view, Span> spans;
    for (const auto& model : models) {
        if (model.embedding) continue;
        auto& span = spans[model.worker.empty() ? model.name : model.worker];
        span.taken = std::min(span.taken, model.taken);
        span.ended = std::max(span.ended, model.ended);
    }
    auto last_taken = Seconds::zero();
    auto first_ended = Seconds::max();
    auto shortest = Seconds::max();
    for (const auto& [_, span] : spans) {
        last_taken = std::max(last_taken, span.taken);
        first_ended = std::min(first_ended, span.ended);
        shortest = std::min(shortest, span.ended - span.taken);
    }
    return spans.empty() || beside_each_other(last_taken, first_ended, shortest);
}

std::string report_table(const ProofReport& report) {
    std::string out;
    const auto emit = [&out]<class... Args>(fmt::format_string<Args...> format, Args&&... args) {
        fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
    };
    emit("{:<12} {:<12} {:<22} {:>10} {:>10} {:>10} {:>9} {:>9} {:>7} {:>8}\n", "MODEL", "BACKEND", "ENDPOINT",
         "PLANNED", "MEASURED", "PEAK", "LOAD", "TTFT", "TOKENS", "TOKENS/S");
    for (const auto& model : report.models) {
        if (!model.error.empty()) {
            emit("{:<12} failed: {}\n", model.name, model.error);
            continue;
        }
        emit("{:<12} {:<12} {:<22} {:>10} {:>10} {:>10} {:>6} ms {:>6.1f} ms {:>7} {:>8}\n", model.name, model.backend,
             model.endpoint, to_string(model.planned), to_string(model.measured), to_string(model.peak),
             model.load_time.count(), model.first_token.count() * 1000,
             model.embedding ? "-" : std::to_string(model.tokens),
             model.embedding ? "-" : fmt::format("{:.1f}", tokens_per_second(model)));
    }
    emit("{:<12} {:<12} {:<22} {:>10} {:>10}\n\n", "sarai itself", "", "", "", to_string(report.own));

    out += comparison(report);
    emit("{} every model answered\n", report.all_answered() ? "yes:" : "NO: ");
    emit("{} the generative models answered at the same time\n", report.simultaneous() ? "yes:" : "NO: ");
    emit("{} memory stayed within the limit: {} of {}\n",
         report.within_budget() ? "yes:" : "NO: ", to_string(report.peak_sum), to_string(report.budget));
    return out;
}

std::string report_json(const ProofReport& report) {
    json::array models;
    for (const auto& model : report.models)
        models.push_back({{"name", model.name},
                          {"backend", model.backend},
                          {"endpoint", model.endpoint},
                          {"planned_bytes", model.planned.count},
                          {"measured_bytes", model.measured.count},
                          {"peak_bytes", model.peak.count},
                          {"load_ms", model.load_time.count()},
                          {"first_token_ms", model.first_token.count() * 1000},
                          {"tokens", model.tokens},
                          {"tokens_per_second", tokens_per_second(model)},
                          {"error", model.error.empty() ? json::value(nullptr) : json::value(model.error)}});
    return json::serialize(json::object{{"models", models},
                                        {"budget_bytes", report.budget.count},
                                        {"peak_bytes", report.peak_sum.count},
                                        {"own_bytes", report.own.count},
                                        {"in_flight", report.most_in_flight()},
                                        {"all_answered", report.all_answered()},
                                        {"simultaneous", report.simultaneous()},
                                        {"within_budget", report.within_budget()},
                                        {"passed", report.passed()}}) +
           "\n";
}

}  // namespace sarai::app
