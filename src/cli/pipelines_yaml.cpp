#include "cli/pipelines_yaml.hpp"

#include <fmt/format.h>

#include "cli/yaml_section.hpp"

namespace sarai::cli {
namespace {

std::string as_it_is(const std::string& text) { return text; }

// `answers`: it is the step that the pipeline's answer comes from.
std::string step_yaml(const config::PipelineStep& step, bool answers) {
    const config::PipelineStep usual;
    constexpr std::string_view indent = "        ";
    Section section{std::string(indent)};
    section.add("name", in_double_quotes(step.name));
    section.add_filled("model", step.model);
    section.add_changed("role", step.role, usual.role, as_it_is);
    section.add_filled("system", step.system);
    section.add_filled("prompt", step.prompt);
    section.add_filled("when", step.when);
    section.add_changed("attachments", step.attachments, usual.attachments, as_it_is);
    section.add_changed("history", step.history, answers, truth);
    if (!step.after.empty()) section.add("after", list_of(step.after));
    if (step.temperature) section.add("temperature", fraction(*step.temperature));
    section.add_changed("max_tokens", step.max_tokens, usual.max_tokens, number);
    section.add_filled("knowledge", step.knowledge);
    section.add_changed("web", step.web, usual.web, truth);
    section.add_filled("query", step.query);
    section.add_changed("limit", step.limit, usual.limit, number);
    section.add_changed("max_text", step.max_text, usual.max_text, size_text);
    auto text = section.text();
    text[indent.size() - 2] = '-';
    return text;
}

std::string pipeline_yaml(const config::Pipeline& pipeline) {
    Section section("    ");
    section.add_filled("description", pipeline.description);
    std::string parameters;
    for (const auto& [name, value] : pipeline.parameters)
        parameters +=
            fmt::format("{}{}: {}", parameters.empty() ? "" : ", ", in_double_quotes(name), in_double_quotes(value));
    if (!parameters.empty()) section.add("parameters", "{" + parameters + "}");
    section.add_changed("deadline", pipeline.deadline, config::Pipeline{}.deadline, time_text);
    if (!pipeline.steps.empty() && pipeline.output != pipeline.steps.back().name)
        section.add_filled("output", pipeline.output);
    section.add_filled("preface", pipeline.preface);
    section.add_filled("closing", pipeline.closing);
    std::string steps;
    for (const auto& step : pipeline.steps) steps += step_yaml(step, step.name == pipeline.output);
    return fmt::format("  {}:\n{}    steps:\n{}", in_double_quotes(pipeline.name), section.text(), steps);
}

}  // namespace

std::string pipelines_yaml(const config::Config& config) {
    std::string text;
    for (const auto& pipeline : config.pipelines)
        if (!pipeline.built_in) text += pipeline_yaml(pipeline);
    if (!text.empty()) text = "pipelines:\n" + text;
    return (config.built_in_pipelines ? "" : "built_in_pipelines: false\n") + text;
}

}  // namespace sarai::cli
