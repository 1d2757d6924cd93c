// Models that clients brought, as far as requests to them care: what was said about such a model (system text, options,
// first messages) holds where a request does not say otherwise. Pure.
#pragma once

#include "llm/types.hpp"
#include "protocols/ollama_library.hpp"

namespace sarai::gateway {

// Completions of raw text get its options alone; embeddings nothing.
void apply_recipe(llm::Request& request, const protocols::ollama::Recipe& recipe);

}  // namespace sarai::gateway
