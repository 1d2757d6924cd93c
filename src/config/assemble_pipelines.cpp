#include <fmt/format.h>

#include <algorithm>

#include "base/nearest.hpp"
#include "config/built_in_pipelines.hpp"
#include "config/pipeline_graph.hpp"
#include "config/read.hpp"

namespace sarai::config {
namespace {

class PipelineChecker {
public:
    PipelineChecker(Draft& draft, std::vector<Problem>& problems) : draft_(draft), problems_(problems) {
        for (const auto& model : draft.models)
            if (model.kind == ModelKind::chat) chat_.push_back(model.name);
    }

    void run() {
        for (auto& pipeline : draft_.config.pipelines) check(pipeline);
        if (!draft_.config.built_in_pipelines) return;
        for (auto& pipeline : built_in_pipelines())
            if (std::ranges::find(draft_.config.pipelines, pipeline.name, &Pipeline::name) ==
                    draft_.config.pipelines.end() &&
                std::ranges::find(draft_.models, pipeline.name, &ModelDraft::name) == draft_.models.end())
                draft_.config.pipelines.push_back(std::move(pipeline));
    }

private:
    void check(Pipeline& pipeline) {
        const auto path = "pipelines." + pipeline.name;
        if (names_auto(pipeline.name) || std::ranges::contains(draft_.models, pipeline.name, &ModelDraft::name))
            add(path,
                names_auto(pipeline.name) ? "the name by which clients ask for whatever model fits"
                                          : "also the name of a model",
                "a name of its own");
        for (std::size_t i = 0; i < pipeline.steps.size(); ++i)
            check_model(fmt::format("{}.steps[{}]", path, i), pipeline.steps[i]);
        const auto reading = read_graph(pipeline);
        for (const auto& fault : reading.faults)
            add(fault.of_pipeline ? fmt::format("{}.{}", path, fault.key)
                                  : fmt::format("{}.steps[{}].{}", path, fault.step, fault.key),
                fault.value, fault.expected, fault.suggestion);
        if (!reading.faults.empty()) return;
        auto& output = pipeline.steps[reading.graph.output];
        pipeline.output = output.name;
        if (!draft_.given.contains(fmt::format("{}.steps[{}].history", path, reading.graph.output)))
            output.history = true;
    }

    // What a step that searches has no use for, and the other way round.
    void check_search(const std::string& path, const PipelineStep& step) {
        const auto useless = [&](const std::string& key, const std::string& expected) {
            if (draft_.given.contains(fmt::format("{}.{}", path, key)))
                add(fmt::format("{}.{}", path, key), "given", expected);
        };
        const auto kind = step.web ? "web" : "knowledge";
        if (step.web && !step.knowledge.empty()) add(path + ".knowledge", "given together with web", "one of them");
        for (const auto* key :
             {"model", "role", "system", "prompt", "attachments", "history", "temperature", "max_tokens"})
            useless(key, fmt::format("not in a step that searches ({})", kind));
    }

    void check_model(const std::string& path, const PipelineStep& step) {
        if (!step.asks_model()) return check_search(path, step);
        for (const auto* key : {"query", "limit", "max_text"})
            if (draft_.given.contains(fmt::format("{}.{}", path, key)))
                add(fmt::format("{}.{}", path, key), "given", "a step that searches (knowledge or web)");
        if (step.model.empty() == step.role.empty())
            return add(path + (step.model.empty() ? ".model" : ".role"),
                       step.model.empty() ? "missing" : "given together with model",
                       "either model or role (or knowledge or web, for a step that searches)");
        if (!step.model.empty() && !std::ranges::contains(chat_, std::string_view(step.model))) {
            const bool other = std::ranges::contains(draft_.models, step.model, &ModelDraft::name);
            return add(path + ".model", other ? in_quotes(step.model) + ", which does not chat" : in_quotes(step.model),
                       "the name of a chat model of this file", std::string(nearest(step.model, chat_).value_or("")));
        }
        if (step.attachments == "none") return;
        const auto model = std::ranges::find(draft_.models, step.model, &ModelDraft::name);
        const bool blind = model == draft_.models.end()
                               ? step.role != "multimodal"
                               : model->backend == BackendKind::gguf_native && !model->local.mmproj;
        if (blind)
            add(path + ".attachments",
                step.model.empty()
                    ? fmt::format("{} for the role {}", step.attachments, step.role)
                    : fmt::format("{} for {}, which has no mmproj", step.attachments, in_quotes(step.model)),
                "none, or a multimodal model");
    }

    void add(const std::string& path, std::string value, std::string expected, std::string suggestion = {}) {
        // What another value has already spoilt needs no second report.
        if (std::ranges::contains(problems_, path, &Problem::path)) return;
        // A key that is missing is reported where its step begins.
        auto at = draft_.given.find(path);
        if (at == draft_.given.end()) at = draft_.given.find(path.substr(0, path.rfind('.')));
        const auto place = at == draft_.given.end() ? Place{} : at->second;
        problems_.push_back({.path = path,
                             .line = place.line,
                             .column = place.column,
                             .value = std::move(value),
                             .expected = std::move(expected),
                             .suggestion = std::move(suggestion)});
    }

    Draft& draft_;
    std::vector<Problem>& problems_;
    std::vector<std::string_view> chat_;
};

}  // namespace

void check_pipelines(Draft& draft, std::vector<Problem>& problems) { PipelineChecker(draft, problems).run(); }

}  // namespace sarai::config
