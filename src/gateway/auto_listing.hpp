// The model "auto" in listings: what it is and where it leads.
#pragma once

#include <boost/json/object.hpp>

#include "gateway/answer.hpp"
#include "protocols/ollama_listing.hpp"

namespace sarai::gateway {

// Is it there for that key? Keys with a list of models see it where the list names it and a model that it can lead to;
// of those they see the ones that they may use.
[[nodiscard]] bool lists_auto(const Shared& shared, const config::ApiKey* key);

[[nodiscard]] boost::json::object auto_model_json(const Shared& shared, const config::ApiKey* key);  // OpenAI's
[[nodiscard]] protocols::ollama::ModelInfo auto_model_info(const Shared& shared, const config::ApiKey* key);
[[nodiscard]] protocols::ollama::ModelDescription auto_description(const Shared& shared, const config::ApiKey* key);

}  // namespace sarai::gateway
