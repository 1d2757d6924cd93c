#include "app/doctor_models.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace sarai::app {
namespace {

namespace asio = boost::asio;
using cli::CheckState;
using memory::FileKind;

constexpr std::string_view models_group = "models";

cli::Check broken(const std::string& name, const Error& error, std::string place) {
    auto check = failed(std::string(models_group), name, error);
    check.place = std::move(place);
    return check;
}

std::string projector_of(const std::string& model) { return model + " mmproj"; }

std::string counted(std::int64_t count) {
    return count >= 1'000'000'000 ? fmt::format("{:.3g} G parameters", static_cast<double>(count) / 1e9)
                                  : fmt::format("{:.3g} M parameters", static_cast<double>(count) / 1e6);
}

std::string told_of(const std::filesystem::path& file, const memory::ModelFacts& facts) {
    std::error_code ignored;
    const auto size = std::filesystem::file_size(file, ignored);
    auto text = fmt::format("{}, {}, {}, {}", facts.architecture, facts.quantisation, counted(facts.parameter_count),
                            ignored ? "size unknown" : to_string(Bytes{static_cast<std::int64_t>(size)}));
    if (facts.context_length > 0) text += fmt::format(", trained for {} tokens", facts.context_length);
    return text;
}

// What the file is, against what the configuration takes it for.
void compare(cli::Check& check, const cli::Written& written, const config::Model& model,
             const memory::ModelFacts& facts) {
    const auto kind = memory::kind_of(facts);
    if (kind == FileKind::projector) {
        check.state = CheckState::fail;
        check.text += "; it is a multimodal projector, not a model";
        check.advice = "path: the model's own file, and this one as mmproj";
        check.place = written.place({"models", model.name, "path"});
        return;
    }
    const bool hears = kind == FileKind::transcription;
    if (hears != (model.kind == config::ModelKind::transcription)) {
        check.state = CheckState::fail;
        check.text += hears ? "; it is a model of whisper.cpp" : "; it is no model of whisper.cpp";
        check.advice = hears ? "backend: whisper" : "backend: gguf_native";
        check.place = written.place({"models", model.name, "backend"});
        return;
    }
    if (hears) return;
    if (model.kind == config::ModelKind::chat && kind != FileKind::chat) {
        check.state = CheckState::warn;
        check.text += "; it is made for other things than chat";
        check.advice = fmt::format("kind: {}", kind == FileKind::embedding ? "embedding" : "rerank");
        check.place = written.place({"models", model.name, "kind"});
        return;
    }
    const int slots = std::max(1, model.local->parallel);
    const int slot = model.local->context_length / slots;
    if (facts.context_length > 0 && slot > facts.context_length) {
        check.state = CheckState::warn;
        check.text += fmt::format("; {} tokens for each request are more than that", slot);
        check.advice = fmt::format("context_length: {}", facts.context_length * slots);
        check.place = written.place({"models", model.name, "context_length"});
    }
}

std::string sum_of(const memory::Scenario& scenario, const memory::Limits& limits) {
    return fmt::format("{} of the budget of {}, errors included", to_string(scenario.needed(limits)),
                       to_string(limits.budget));
}

cli::Check verdict(const cli::Written& written, const cli::PlanReport& plan, const memory::Scenario& scenario) {
    const bool degraded = scenario.kind == memory::ScenarioKind::degraded;
    cli::Check check{.group = "plan", .name = memory::title_of(scenario, plan.models), .text = {}};
    if (scenario.kind == memory::ScenarioKind::hybrid) check.name = "as configured";
    if (scenario.holds(plan.limits)) {
        check.text = fmt::format("fits: {}", sum_of(scenario, plan.limits));
        return check;
    }
    check.state = degraded ? CheckState::warn : CheckState::fail;
    const auto missing = scenario.needed(plan.limits) - plan.limits.budget;
    const auto file = written.config.file.string();
    if (!scenario.planned) {
        check.text = "cannot be told: a file cannot be planned";
    } else if (missing > Bytes{}) {
        check.text = fmt::format("does not fit, by {}: {}", to_string(missing), sum_of(scenario, plan.limits));
        check.advice = degraded ? fmt::format(
                                      "Its requests would be refused; on_loss.may_displace says what may be "
                                      "unloaded for it (sarai plan --config {} --scenario degraded).",
                                      file)
                                : fmt::format("\"sarai fit --config {}\" finds settings that fit.", file);
    } else if (!scenario.short_nodes.empty()) {
        check.text = scenario.short_nodes.front();
    } else {
        check.state = CheckState::warn;  // one after the other they can be used
        check.text =
            fmt::format("{} generative models, but {} may be loaded at once", scenario.llms, plan.limits.max_llms);
        check.advice = fmt::format("max_concurrent_llms: {}", scenario.llms);
        check.place = written.place({"memory", "max_concurrent_llms"});
    }
    return check;
}

}  // namespace

asio::awaitable<Checks> look_at_files(Describer& describer, const cli::Written& written, const config::Model& model) {
    Checks checks;
    const auto& local = *model.local;
    const auto facts = co_await describer.describe(local.path);
    if (facts) {
        checks.push_back(
            {.group = std::string(models_group), .name = model.name, .text = told_of(local.path, **facts)});
        compare(checks.back(), written, model, **facts);
    } else {
        checks.push_back(broken(model.name, facts.error(), written.place({"models", model.name, "path"})));
    }
    if (!local.mmproj) co_return checks;
    const auto name = projector_of(model.name);
    const auto place = written.place({"models", model.name, "mmproj"});
    const auto projector = co_await describer.describe(*local.mmproj);
    if (!projector) {
        checks.push_back(broken(name, projector.error(), place));
        co_return checks;
    }
    cli::Check check{.group = std::string(models_group), .name = name, .text = told_of(*local.mmproj, **projector)};
    if (memory::kind_of(**projector) != FileKind::projector) {
        check.state = CheckState::fail;
        check.text += "; it is a model, not a multimodal projector";
        check.place = place;
    } else {
        check.text += fmt::format(
            ", for {}", (*projector)->sees ? (*projector)->hears ? "pictures and sound" : "pictures" : "sound");
    }
    checks.push_back(std::move(check));
    co_return checks;
}

Checks look_at_plan(const cli::Written& written, const cli::PlanReport& plan, const Checks& files) {
    const auto is_told = [&](const std::string& model) {
        return std::ranges::any_of(files, [&](const auto& check) {
            return check.state == CheckState::fail && check.group == models_group &&
                   (check.name == model || check.name == projector_of(model));
        });
    };
    Checks checks;
    for (const auto& model : plan.models) {
        if (!model.local || *model.local || is_told(model.name)) continue;
        checks.push_back(failed("plan", model.name, model.local->error()));
        checks.back().place = written.place({"models", model.name});
    }
    for (const auto& scenario : plan.scenarios) {
        // All of them here is nobody's wish where some have servers.
        if (scenario.kind != memory::ScenarioKind::native) checks.push_back(verdict(written, plan, scenario));
    }
    return checks;
}

}  // namespace sarai::app
