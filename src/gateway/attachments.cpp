#include "gateway/attachments.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "pipelines/step_request.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;

// Of the projectors that the engine knows, none makes fewer tokens of a second of sound: whoever fills the context with
// it sends no more seconds than this allows, and a worker that was sent more would hold them all before it says so.
constexpr int fewest_sound_tokens = 5;
// What the usual projectors make of a film's frame.
constexpr int tokens_per_frame = 300;

bool take(const std::vector<const config::PipelineStep*>& steps, pipelines::Medium medium) {
    return std::ranges::any_of(steps, [&](const auto* step) { return pipelines::goes_with(*step, medium); });
}

}  // namespace

media::MediaWish media_wish(const config::Model& model) {
    media::MediaWish wish;
    if (!model.local) return wish;
    wish.token_budget = model.local->context_length / 2;  // of a film; the rest is for what is asked of it
    wish.tokens_per_frame = tokens_per_frame;
    wish.most_sound = std::chrono::seconds(model.local->context_length / fewest_sound_tokens);
    return wish;
}

media::MediaWish media_wish(std::span<const config::Model* const> models) {
    std::optional<media::MediaWish> least;
    for (const auto* model : models) {
        if (!model->local) continue;
        const auto wish = media_wish(*model);
        if (!least || wish.token_budget < least->token_budget) least = wish;
    }
    return least.value_or(media::MediaWish{});
}

void note_media(Caller& caller, const media::MediaReport& report) {
    const auto note = [&](const char* name, double value) {
        if (value > 0) caller.notes.emplace_back(name, fmt::format("{:g}", value));
    };
    note("images", report.images);
    note("sounds", report.sounds);
    note("films", report.films);
    note("sound_seconds", report.sound_seconds);
    note("film_seconds", report.film_seconds);
}

asio::awaitable<Result<media::MediaReport>> convert_attachments(pipelines::Inputs& inputs,
                                                                const std::vector<const config::PipelineStep*>& steps,
                                                                media::MediaWish wish, Shared shared) {
    media::MediaReport report;
    if (shared.media == nullptr) co_return report;
    std::vector<media::Part> parts;
    std::vector<boost::json::array*> places;
    for (auto& attachment : inputs.attachments) {
        if (!take(steps, attachment.medium)) continue;
        auto part = media::media_in(attachment.parts.front(), attachment.message, attachment.index);
        if (!part) co_return std::unexpected(std::move(part.error()));
        if (!*part) continue;  // a form that only other servers know
        parts.push_back(std::move(**part));
        places.push_back(&attachment.parts);
    }
    auto made = co_await shared.media->turn_all(parts, wish, report);
    if (!made) co_return std::unexpected(std::move(made.error()));
    for (std::size_t i = 0; i < places.size(); ++i) *places[i] = std::move((*made)[i]);

    const bool earlier_ones =
        std::ranges::any_of(steps, [](const auto* step) { return step->history && step->attachments != "none"; });
    if (!earlier_ones || inputs.history.empty()) co_return report;
    llm::Request before;
    before.body["messages"] = std::move(inputs.history);
    const auto found = co_await shared.media->normalize(before, wish);
    inputs.history = std::move(before.body["messages"].as_array());
    if (!found) co_return std::unexpected(found.error());
    report.memory = std::max(report.memory, found->memory);
    co_return report;
}

}  // namespace sarai::gateway
