#include "cli/router_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>

#include "base/utf8.hpp"
#include "cli/curve.hpp"
#include "cli/table.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;
using router::all_labels;
using router::name_of;

std::string percent(double share) { return fmt::format("{:.1f} %", 100 * share); }

// A score with as many digits as it has: 0.93f is not 0.9300000071525574.
double rounded(double value) { return std::round(value * 1e4) / 1e4; }

std::string summary(std::string_view name, const router::Metrics& metrics) {
    return fmt::format("{}: accuracy {} (with further labels {}), macro-F1 {:.3f}, calibration error {:.3f}\n", name,
                       percent(metrics.accuracy), percent(metrics.acceptable), metrics.macro_f1,
                       metrics.calibration_error);
}

json::object to_json(const router::Metrics& metrics) {
    json::object classes;
    json::object confusion;
    for (const auto label : all_labels) {
        const auto i = static_cast<std::size_t>(label);
        const auto& one = metrics.classes[i];
        classes[name_of(label)] = json::object{{"precision", rounded(one.precision)},
                                               {"recall", rounded(one.recall)},
                                               {"f1", rounded(one.f1)},
                                               {"support", one.support}};
        json::object row;
        for (const auto given : all_labels) row[name_of(given)] = metrics.confusion[i][static_cast<std::size_t>(given)];
        confusion[name_of(label)] = std::move(row);
    }
    return {{"prompts", metrics.count},
            {"accuracy", rounded(metrics.accuracy)},
            {"accuracy_with_also", rounded(metrics.acceptable)},
            {"macro_f1", rounded(metrics.macro_f1)},
            {"calibration_error", rounded(metrics.calibration_error)},
            {"abstained", metrics.abstained},
            {"classes", std::move(classes)},
            {"confusion", std::move(confusion)}};
}

}  // namespace

std::string evaluation_text(const Evaluation& evaluation, const Style& style) {
    const auto& metrics = evaluation.metrics;
    std::string text = style.bold(evaluation.name) + fmt::format(", {:.1f} M parameters, {}, {:.0f} µs a prompt\n",
                                                                 static_cast<double>(evaluation.parameters) / 1e6,
                                                                 to_string(evaluation.memory), evaluation.microseconds);
    text += summary(fmt::format("{} prompts", metrics.count), metrics);
    text += fmt::format(
        "unlike training: {} ({}); language told: {}\n", metrics.abstained,
        percent(metrics.count > 0 ? static_cast<double>(metrics.abstained) / static_cast<double>(metrics.count) : 0),
        percent(evaluation.languages));
    if (evaluation.baseline) text += summary("logistic regression on the same features", *evaluation.baseline);
    std::vector<Column> columns{{"LABEL"},
                                {"PRECISION", Align::right},
                                {"RECALL", Align::right},
                                {"F1", Align::right},
                                {"PROMPTS", Align::right}};
    for (const auto label : all_labels) columns.push_back({fmt::format("→ {}", name_of(label)), Align::right});
    std::vector<std::vector<std::string>> rows;
    for (const auto label : all_labels) {
        const auto i = static_cast<std::size_t>(label);
        const auto& one = metrics.classes[i];
        rows.push_back({std::string(name_of(label)), fmt::format("{:.3f}", one.precision),
                        fmt::format("{:.3f}", one.recall), fmt::format("{:.3f}", one.f1), std::to_string(one.support)});
        for (const auto given : all_labels)
            rows.back().push_back(std::to_string(metrics.confusion[i][static_cast<std::size_t>(given)]));
    }
    text += "\n" + render_table(columns, rows);
    if (!evaluation.mistakes.empty()) text += "\n";
    for (const auto& one : evaluation.mistakes)
        text += fmt::format("{} → {} {:.2f}{}  {}\n", name_of(one.expected), name_of(one.given), one.confidence,
                            one.acceptable ? " (acceptable)" : "", style.dim(protocols::excerpt(one.text, 140)));
    return text;
}

std::string evaluation_json(const Evaluation& evaluation) {
    auto object = to_json(evaluation.metrics);
    object["weights"] = evaluation.name;
    object["parameters"] = evaluation.parameters;
    object["memory_bytes"] = evaluation.memory.count;
    object["median_microseconds"] = rounded(evaluation.microseconds);
    object["languages"] = rounded(evaluation.languages);
    if (evaluation.baseline) object["logistic_regression"] = to_json(*evaluation.baseline);
    if (!evaluation.mistakes.empty()) {
        json::array mistakes;
        for (const auto& one : evaluation.mistakes)
            mistakes.push_back({{"text", one.text},
                                {"label", name_of(one.expected)},
                                {"given", name_of(one.given)},
                                {"confidence", rounded(one.confidence)},
                                {"acceptable", one.acceptable}});
        object["mistakes"] = std::move(mistakes);
    }
    return json::serialize(object) + "\n";
}

std::string explanation_text(const Explanation& explanation, bool unicode, const Style& style) {
    const auto& scores = explanation.scores;
    std::string text;
    std::vector<std::vector<std::string>> rows;
    for (const auto label : all_labels) {
        const float score = scores.of(label);
        const auto bar = render_bar({.filled = std::lround(score * 1000), .whole = 1000}, 20, unicode);
        rows.push_back({std::string(name_of(label)), fmt::format("{:.3f}", score), bar});
    }
    text += render_table({{"LABEL"}, {"SCORE", Align::right}, {explanation.name}}, rows);
    const bool known = scores.familiar >= explanation.familiar_enough;
    text += fmt::format(
        "\nfamiliar {:.2f}, needed {:.2f}: {}; language {}\n", scores.familiar, explanation.familiar_enough,
        known ? "like training" : style.yellow("unlike training, so the scores say little"), name_of(scores.language));
    if (!explanation.influences.empty()) {
        text += fmt::format("\nWhat speaks for {} (+) and against it (-):\n", name_of(scores.best()));
        rows.clear();
        for (const auto& one : explanation.influences)
            rows.push_back({fmt::format("{:+.3f}", one.effect), protocols::excerpt(one.text, 60)});
        text += render_table({{"EFFECT", Align::right}, {"WORDS"}}, rows);
    }
    if (explanation.similar.empty()) return text + fmt::format("\nNo similar prompts: {}\n", explanation.no_similar);
    text += "\nThe training prompts most like it:\n";
    rows.clear();
    for (const auto& one : explanation.similar)
        rows.push_back(
            {fmt::format("{:.2f}", one.likeness), std::string(name_of(one.label)), protocols::excerpt(one.text, 90)});
    return text + render_table({{"LIKE", Align::right}, {"LABEL"}, {"PROMPT"}}, rows);
}

std::string explanation_json(const Explanation& explanation) {
    const auto& scores = explanation.scores;
    json::object labels;
    for (const auto label : all_labels) labels[name_of(label)] = rounded(scores.of(label));
    json::array influences;
    for (const auto& one : explanation.influences)
        influences.push_back({{"text", valid_utf8(one.text)}, {"at", one.at}, {"effect", rounded(one.effect)}});
    json::array similar;
    for (const auto& one : explanation.similar)
        similar.push_back({{"text", one.text}, {"label", name_of(one.label)}, {"likeness", rounded(one.likeness)}});
    return json::serialize(json::object{{"weights", explanation.name},
                                        {"scores", std::move(labels)},
                                        {"best", name_of(scores.best())},
                                        {"familiar", rounded(scores.familiar)},
                                        {"familiar_enough", rounded(explanation.familiar_enough)},
                                        {"unlike_training", scores.familiar < explanation.familiar_enough},
                                        {"language", name_of(scores.language)},
                                        {"influences", std::move(influences)},
                                        {"similar", std::move(similar)}}) +
           "\n";
}

std::string training_text(const std::vector<router::EpochReport>& curve, int width, bool unicode) {
    Curve training{.name = "training loss", .values = {}};
    Curve validation{.name = "validation loss", .values = {}};
    const router::EpochReport* best = nullptr;
    for (const auto& epoch : curve) {
        training.values.push_back(epoch.training_loss);
        if (epoch.validation_loss > 0) validation.values.push_back(epoch.validation_loss);
        if (epoch.best) best = &epoch;
    }
    auto text = render_curves({training, validation}, width, 10, unicode);
    if (best != nullptr && best->validation_loss > 0)
        text += fmt::format("Kept: epoch {}, validation loss {:.4f}, accuracy {}\n", best->epoch, best->validation_loss,
                            percent(best->validation_accuracy));
    return text;
}

}  // namespace sarai::cli
