// What a step's model is asked. Pure.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "pipelines/inputs.hpp"

namespace sarai::pipelines {

// What steps gave, by name; those that were left out are not in it.
using Results = std::map<std::string, std::string>;

// Is the step to be taken? Errors: invalid_argument, for a condition that cannot be computed.
[[nodiscard]] Result<bool> is_wanted(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                     const Inputs& inputs, const Results& results);

// Does something of the request beside its text go with the step?
[[nodiscard]] bool takes_attachments(const config::PipelineStep& step, const Inputs& inputs);

// The request for a step that others build on: streamed, with what the step's own settings say and no tools.
// `model` is who is asked. `today` is a date, such as 2026-11-26.
// Errors: invalid_argument, for a text that cannot be filled in.
[[nodiscard]] Result<llm::Request> request_for(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                               const std::string& model, const Inputs& inputs, const Results& results);
// That of the step that answers: what the client wants of an answer (its length, its form, tools) holds.
[[nodiscard]] Result<llm::Request> final_request(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                                 const std::string& model, const Inputs& inputs, const Results& results,
                                                 const llm::Request& asked);

}  // namespace sarai::pipelines
