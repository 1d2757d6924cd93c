// Pipelines in listings: each is a model by its name, and what it is made of.
#pragma once

#include <boost/json/object.hpp>
#include <vector>

#include "gateway/models.hpp"
#include "protocols/ollama_listing.hpp"

namespace sarai::gateway {

// Those that a key may use, and that have a model for each of their roles; of those that come with the program the ones
// that more than one model would work on.
[[nodiscard]] std::vector<const config::Pipeline*> listed_pipelines(const Shared& shared, const config::ApiKey* key);
// One of them, by the name that a client used; null: none.
[[nodiscard]] const config::Pipeline* find_listed_pipeline(const Shared& shared, const config::ApiKey* key,
                                                           std::string_view name);

[[nodiscard]] boost::json::object pipeline_model_json(const Shared& shared, const config::Pipeline& pipeline);
[[nodiscard]] protocols::ollama::ModelInfo pipeline_info(const Shared& shared, const config::Pipeline& pipeline);
[[nodiscard]] protocols::ollama::ModelDescription pipeline_description(const Shared& shared,
                                                                       const config::Pipeline& pipeline);
// {"pipelines": [{"name", "description", "built_in", "parameters", "steps": [{"name", "model", "needs", …}],
// "output"}]}
[[nodiscard]] boost::json::object pipelines_json(const Shared& shared, const config::ApiKey* key);

}  // namespace sarai::gateway
