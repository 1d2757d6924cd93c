// What requests bring beside text, made into what models are given (media/normalizer.hpp).
#pragma once

#include <boost/asio/awaitable.hpp>
#include <span>

#include "base/error.hpp"
#include "config/config.hpp"
#include "gateway/caller.hpp"
#include "gateway/models.hpp"
#include "media/normalizer.hpp"
#include "pipelines/inputs.hpp"

namespace sarai::gateway {

// What the model can make use of.
[[nodiscard]] media::MediaWish media_wish(const config::Model& model);
// What all of them can make use of.
[[nodiscard]] media::MediaWish media_wish(std::span<const config::Model* const> models);

// The counts of what was found, for the access log.
void note_media(Caller& caller, const media::MediaReport& report);

// Converts what the steps take of the user's last message, and of those before it where one takes them with their
// media. Once for all of them, and before any model is loaded for it: what cannot be read, or finds no memory, ends the
// request there. Errors: those of Normalizer, with the field of the request as it came.
[[nodiscard]] boost::asio::awaitable<Result<media::MediaReport>> convert_attachments(
    pipelines::Inputs& inputs, const std::vector<const config::PipelineStep*>& steps, media::MediaWish wish,
    Shared shared);

}  // namespace sarai::gateway
