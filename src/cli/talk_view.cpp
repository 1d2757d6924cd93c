#include "cli/talk_view.hpp"

#include <fmt/format.h>

#include <vector>

#include "base/bytes.hpp"
#include "cli/table.hpp"
#include "config/problem.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {

using namespace protocols;

std::string answer_facts_text(const std::optional<AnswerFacts>& facts) {
    if (!facts) return "nothing was answered yet\n";
    const auto seconds = [](std::chrono::milliseconds time) { return static_cast<double>(time.count()) / 1000; };
    std::string text;
    const auto line = [&](std::string_view name, std::string_view value) {
        if (!value.empty()) text += fmt::format("  {:<12}{}\n", name, value);
    };
    line("model", facts->model);
    line("backend", facts->backend);
    line("endpoint", facts->endpoint);
    line("reason", facts->reason);
    line("failover", facts->seam);
    line("route", facts->route);
    line("scores", facts->scores);
    line("pipeline", facts->pipeline);
    if (facts->first_text.count() > 0) line("first token", fmt::format("{:.2f} s", seconds(facts->first_text)));
    const auto rest = seconds(facts->whole - facts->first_text);
    // The first token's time is the prompt's.
    const auto seen = facts->tokens > 1 && rest > 0 ? static_cast<double>(facts->tokens - 1) / rest : 0;
    if (const auto rate = facts->rate > 0 ? facts->rate : seen; facts->tokens > 1 && rate > 0)
        line("speed",
             fmt::format("{:.1f} tokens/s, {} tokens in {:.1f} s", rate, facts->tokens, seconds(facts->whole)));
    return text;
}

std::string short_plan(const json::object& plan) {
    std::vector<std::vector<std::string>> rows;
    const auto add = [&](std::string_view list, std::string_view role) {
        const auto* models = array_at(plan, list);
        if (models == nullptr) return;
        for (const auto& entry : *models) {
            const auto* model = entry.if_object();
            if (model == nullptr) continue;
            const Bytes total{integer_at(*model, "total_bytes").value_or(0)};
            const auto error = string_at(*model, "error");
            rows.push_back({config::printable(string_at(*model, "name")) + std::string(role),
                            config::printable(string_at(*model, "backend")), total.count == 0 ? "-" : to_string(total),
                            config::printable(error, 200)});
        }
    };
    add("models", "");
    add("fallbacks", " (fallback)");
    const auto bytes = [&](std::string_view key) { return to_string(Bytes{integer_at(plan, key).value_or(0)}); };
    return render_table({{"MODEL"}, {"BACKEND"}, {"MEMORY", Align::right}, {""}}, rows) +
           fmt::format("{} of {}: {}\n", bytes("total_bytes"), bytes("budget_bytes"),
                       true_at(plan, "fits") ? "fits" : "does not fit");
}

}  // namespace sarai::cli
