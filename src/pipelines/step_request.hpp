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

// Does what the user attached of this kind go with the step?
[[nodiscard]] bool goes_with(const config::PipelineStep& step, Medium medium);

// Does what messages before the user's last one have beside text go with it?
[[nodiscard]] bool takes_earlier_media(const config::PipelineStep& step);

// Does something of the request beside its text go with the step?
[[nodiscard]] bool takes_attachments(const config::PipelineStep& step, const Inputs& inputs);

// What a step that searches looks for, and where.
struct Search {
    std::string query;
    std::string collection;  // of documents; empty: it searches the web
};
// Where alone: what it looks for may be what an earlier step is still to give.
[[nodiscard]] Result<std::string> collection_of(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                                const Inputs& inputs, const Results& results);
// Errors: invalid_argument, for a text that cannot be filled in or that says nothing.
[[nodiscard]] Result<Search> search_for(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                        const Inputs& inputs, const Results& results);

// What is known when the answer begins, beside what every step may read.
struct Ending {
    std::string sources;  // a list of what is cited
    std::string notes;    // what could not be done
};
// The pipeline's texts around its answer. Errors: invalid_argument, likewise.
struct Frame {
    std::string preface;
    std::string closing;
};
[[nodiscard]] Result<Frame> frame_of(const config::Pipeline& pipeline, const Inputs& inputs, const Results& results,
                                     const Ending& ending);

// The request for a step that others build on: streamed, with what the step's own settings say and no tools.
// `model` is who is asked. `today` is a date, such as 2026-11-26.
// Errors: invalid_argument, for a text that cannot be filled in.
[[nodiscard]] Result<llm::Request> request_for(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                               const std::string& model, const Inputs& inputs, const Results& results);
// That of the step that answers: what the client wants of an answer (its length, its form, tools) holds.
[[nodiscard]] Result<llm::Request> final_request(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                                 const std::string& model, const Inputs& inputs, const Results& results,
                                                 const Ending& ending, const llm::Request& asked);

// As much of the answering step's prompt as is known while steps before it still run.
struct KnownPart {
    llm::Request request;  // whose last message ends where the text is known
    std::string until;     // how that text ends, without blanks behind it
};
// `partial`: what the steps under way have given so far, by name; of those that are neither there nor in `results`
// nothing is known. `left_out`: steps that will give nothing. nullopt where not even the system prompt is known, where
// the message is no text alone, or where it cannot be filled in yet.
[[nodiscard]] std::optional<KnownPart> known_part(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                                  const std::string& model, const Inputs& inputs,
                                                  const Results& results, const Results& partial,
                                                  const std::vector<std::string>& left_out, const llm::Request& asked);

}  // namespace sarai::pipelines
