// Model files and what they take together, as `sarai doctor` sees them.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "app/describe.hpp"
#include "app/doctor_machine.hpp"

namespace sarai::app {

// Its GGUF file and its projector. `model` is of `written`; both outlive the call.
[[nodiscard]] boost::asio::awaitable<Checks> look_at_files(Describer& describer, const cli::Written& written,
                                                           const config::Model& model);

// The verdicts of `sarai plan`. What `files` says of a model's file is not said again.
[[nodiscard]] Checks look_at_plan(const cli::Written& written, const cli::PlanReport& plan, const Checks& files);

}  // namespace sarai::app
