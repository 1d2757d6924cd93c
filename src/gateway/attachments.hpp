// What requests bring beside text, made into what models are given (media/normalizer.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <vector>

#include "base/error.hpp"
#include "config/config.hpp"
#include "gateway/caller.hpp"
#include "gateway/models.hpp"
#include "media/normalizer.hpp"
#include "pipelines/inputs.hpp"

namespace sarai::gateway {

// What the model can make use of.
[[nodiscard]] media::MediaWish media_wish(const config::Model& model);

// The counts of what was found, for the access log.
void note_media(Caller& caller, const media::MediaReport& report);

// A step of a pipeline, and who takes it.
struct TakenStep {
    const config::PipelineStep* step = nullptr;
    media::MediaWish wish;
};
// Converts what the steps will take of the user's last message and of those before it, and of an answer that has begun;
// that goes to the last one of `steps`. Once for all of them, each for those that take it, and before any model is
// loaded for it: what cannot be read, or finds no memory, ends the request there. Errors: those of Normalizer, with the
// field of the request as it came.
[[nodiscard]] boost::asio::awaitable<Result<media::MediaReport>> convert_attachments(pipelines::Inputs& inputs,
                                                                                     std::vector<TakenStep> steps,
                                                                                     const media::Normalizer& media,
                                                                                     media::HoldMore hold);

}  // namespace sarai::gateway
