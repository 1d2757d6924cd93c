// Ollama's folder as models: `manifests/HOST/NAMESPACE/MODEL/TAG` name blobs, which stay where they are.
#pragma once

#include <filesystem>

#include "imports/imported.hpp"

namespace sarai::imports {

// A manifest lists layers by media type: the model's file, its projector, and what was said about it in a Modelfile
// (parameters, template, system prompt, messages, adapter, license). Parameters that the engine has as flags become
// the worker's own defaults. Models of which a file is missing are left out.
[[nodiscard]] Imported import_ollama(const std::filesystem::path& folder, const Facts& facts);

}  // namespace sarai::imports
