// Streams a Model to its file: metadata first, then tensor after tensor through one small buffer.
//
// The file appears under its name only when it is complete; nothing is left behind when writing fails.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "model.hpp"

namespace synth {

using Progress = std::function<void(sarai::Bytes done, sarai::Bytes all)>;

// Returns the file's size. Errors: Code::io.
sarai::Result<sarai::Bytes> write(const Model& model, const std::filesystem::path& file, const Progress& progress);

}  // namespace synth
