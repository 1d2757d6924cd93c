// What a worker for a file will take, as JSON in the form of `sarai-measure`.
//
// The engine's own figures: it loads the file here as in the worker, but for the weights, whose memory is reserved and
// never touched; what it reserves it tells in its log alone.
#pragma once

#include <boost/json/object.hpp>
#include <filesystem>

#include "base/error.hpp"

namespace sarai::whisper {

// Errors: as of Ear::load(); internal where this build of the engine says it in another form.
[[nodiscard]] Result<boost::json::object> plan(const std::filesystem::path& model);

}  // namespace sarai::whisper
