// A folder of GGUF files as models: split files as one, projectors with the models that they belong to.
#pragma once

#include <filesystem>
#include <vector>

#include "imports/imported.hpp"

namespace sarai::imports {

// All *.gguf in the folder and in those within it (as LM Studio has them: PUBLISHER/MODEL/FILE), sorted. Links are
// followed to files, not to folders.
[[nodiscard]] std::vector<std::filesystem::path> gguf_files(const std::filesystem::path& folder);

// A projector (mmproj-*.gguf, or what says that it is one) goes with the models in its folder whose names have most in
// common with its own.
[[nodiscard]] Imported import_gguf_folder(const std::filesystem::path& folder, const Facts& facts);

}  // namespace sarai::imports
