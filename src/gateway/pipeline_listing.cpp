#include "gateway/pipeline_listing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <set>

#include "base/sha256.hpp"
#include "config/pipeline_graph.hpp"
#include "gateway/knowledge_desk.hpp"
#include "gateway/pipeline_run.hpp"

namespace sarai::gateway {
namespace {

namespace json = boost::json;
namespace ollama = protocols::ollama;

// By step, what is searched for those that ask no model; empty where one has nobody.
std::vector<std::string> models_of(const Shared& shared, const config::Pipeline& pipeline) {
    std::vector<std::string> models;
    for (const auto& step : pipeline.steps) {
        if (!step.asks_model()) {
            models.push_back(step.web ? "the web" : fmt::format("documents: {}", step.knowledge));
            continue;
        }
        auto model = who_takes(pipeline, step, shared);
        if (!model) return {};
        models.push_back(std::move(*model));
    }
    return models;
}

bool takes_pictures(const config::Pipeline& pipeline) {
    return std::ranges::any_of(
        pipeline.steps, [](const auto& step) { return step.attachments == "image" || step.attachments == "any"; });
}

// Without a search engine, or without documents, those that come with sarai are not worth a place in a list
// (but answer whoever asks for them, and say what they lack).
bool can_search(const Shared& shared, const config::Pipeline& pipeline) {
    return std::ranges::all_of(pipeline.steps, [&](const auto& step) {
        return step.asks_model() || (step.web ? !shared.config.web.url.empty() : shared.knowledge.has_store());
    });
}

std::string steps_in_words(const Shared& shared, const config::Pipeline& pipeline) {
    const auto models = models_of(shared, pipeline);
    std::string words;
    for (std::size_t i = 0; i < models.size(); ++i)
        words += fmt::format("{}{} {}", i == 0 ? "" : "\n", pipeline.steps[i].name, models[i]);
    return words;
}

}  // namespace

std::vector<const config::Pipeline*> listed_pipelines(const Shared& shared, const config::ApiKey* key) {
    std::vector<const config::Pipeline*> listed;
    for (const auto& pipeline : shared.config.pipelines) {
        if (!access::is_listed(key, pipeline.name)) continue;
        const auto models = models_of(shared, pipeline);
        if (models.empty()) continue;
        if (pipeline.built_in && (std::set(models.begin(), models.end()).size() < 2 || !can_search(shared, pipeline)))
            continue;
        listed.push_back(&pipeline);
    }
    return listed;
}

const config::Pipeline* find_listed_pipeline(const Shared& shared, const config::ApiKey* key, std::string_view name) {
    const auto* pipeline = shared.config.find_pipeline(name);
    return std::ranges::contains(listed_pipelines(shared, key), pipeline) ? pipeline : nullptr;
}

json::object pipeline_model_json(const Shared& shared, const config::Pipeline& pipeline) {
    const auto models = models_of(shared, pipeline);
    json::object steps;
    for (std::size_t i = 0; i < models.size(); ++i) steps[pipeline.steps[i].name] = models[i];
    return {{"id", pipeline.name},
            {"object", "model"},
            {"created", 0},
            {"owned_by", "sarai"},
            {"sarai",
             {{"state", "ready"},
              {"backend", "pipeline"},
              {"endpoint", nullptr},
              {"kind", "chat"},
              {"planned_bytes", 0},
              {"measured_bytes", 0},
              {"description", pipeline.description},
              {"steps", steps}}}};
}

ollama::ModelInfo pipeline_info(const Shared& shared, const config::Pipeline& pipeline) {
    std::vector<std::string> can{"completion"};
    if (takes_pictures(pipeline)) can.emplace_back("vision");
    return {.name = fmt::format("{}:latest", pipeline.name),
            .modified_at = shared.catalogue.look(shared.config.file).modified,
            .size = {},
            .digest = sha256_hex(steps_in_words(shared, pipeline)),
            .details = {.format = "", .family = "pipeline", .parameter_size = {}, .quantization_level = {}},
            .capabilities = std::move(can)};
}

ollama::ModelDescription pipeline_description(const Shared& shared, const config::Pipeline& pipeline) {
    const auto info = pipeline_info(shared, pipeline);
    const auto models = models_of(shared, pipeline);
    std::string file = fmt::format(
        "# \"{}\" is no model: several models work on each answer, one step after the other.\n", pipeline.name);
    if (!pipeline.description.empty()) file += fmt::format("# {}\n", pipeline.description);
    json::object about{{"general.architecture", "pipeline"}};
    for (std::size_t i = 0; i < models.size(); ++i) {
        file += fmt::format("# {}: {}\n", pipeline.steps[i].name, models[i]);
        about[fmt::format("pipeline.{}", pipeline.steps[i].name)] = models[i];
    }
    file += fmt::format("FROM {}\n", pipeline.name);
    return {.modelfile = std::move(file),
            .details = info.details,
            .model_info = std::move(about),
            .capabilities = info.capabilities,
            .modified_at = info.modified_at};
}

json::object pipelines_json(const Shared& shared, const config::ApiKey* key) {
    json::array rows;
    for (const auto* pipeline : listed_pipelines(shared, key)) {
        const auto graph = config::read_graph(*pipeline).graph;
        const auto models = models_of(shared, *pipeline);
        json::array steps;
        for (const auto i : graph.order) {
            const auto& step = pipeline->steps[i];
            json::array needs;
            for (const auto need : graph.needs[i]) needs.emplace_back(pipeline->steps[need].name);
            json::object row{{"name", step.name}, {"model", models[i]}, {"needs", needs}};
            if (!step.role.empty()) row["role"] = step.role;
            if (!step.when.empty()) row["when"] = step.when;
            if (step.attachments != "none") row["attachments"] = step.attachments;
            steps.push_back(std::move(row));
        }
        json::object parameters;
        for (const auto& [name, value] : pipeline->parameters) parameters[name] = value;
        rows.push_back({{"name", pipeline->name},
                        {"description", pipeline->description},
                        {"built_in", pipeline->built_in},
                        {"parameters", parameters},
                        {"steps", steps},
                        {"output", pipeline->steps[graph.output].name}});
    }
    return {{"pipelines", rows}};
}

}  // namespace sarai::gateway
