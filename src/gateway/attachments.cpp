#include "gateway/attachments.hpp"

#include <fmt/format.h>

#include <cstdint>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

#include "pipelines/step_request.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// Of the projectors that the engine knows, none makes fewer tokens of a second of sound: whoever fills the context with
// it sends no more seconds than this allows, and a worker that was sent more would hold them all before it says so.
constexpr int fewest_sound_tokens = 5;
// What the usual projectors make of a film's frame.
constexpr int tokens_per_frame = 300;

// A part that will be converted, and where it stands.
struct Found {
    media::Wanted wanted;
    json::array* among = nullptr;
    std::size_t at = 0;
};

Result<void> find(json::value& message, std::size_t index, const media::MediaWish& wish, std::vector<Found>& all) {
    auto* object = message.if_object();
    auto* content = object == nullptr ? nullptr : object->if_contains("content");
    if (content == nullptr || !content->is_array()) return {};
    auto& parts = content->get_array();
    for (std::size_t i = 0; i < parts.size(); ++i) {
        auto part = media::media_in(parts[i], index, i);
        if (!part) return std::unexpected(std::move(part.error()));
        if (*part) all.push_back({.wanted = {.part = std::move(**part), .wish = wish}, .among = &parts, .at = i});
    }
    return {};
}

// The wish of the one with the least room of those that take it; nullopt: nobody does.
template <class Takes>
std::optional<media::MediaWish> least(const std::vector<TakenStep>& steps, Takes takes) {
    std::optional<media::MediaWish> least;
    const auto room = [](const media::MediaWish& wish) {  // 0: there is no limit
        return wish.token_budget > 0 ? wish.token_budget : std::numeric_limits<std::int64_t>::max();
    };
    for (const auto& [step, wish] : steps)
        if (takes(*step) && (!least || room(wish) < room(*least))) least = wish;
    return least;
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

asio::awaitable<Result<media::MediaReport>> convert_attachments(pipelines::Inputs& inputs, std::vector<TakenStep> steps,
                                                                const media::Normalizer& media, media::HoldMore hold) {
    std::vector<Found> all;
    for (auto& attachment : inputs.attachments) {
        const auto wish = least(steps, [&](const auto& step) { return pipelines::goes_with(step, attachment.medium); });
        if (!wish) continue;
        auto part = media::media_in(attachment.parts.front(), attachment.message, attachment.index);
        if (!part) co_return std::unexpected(std::move(part.error()));
        if (*part)  // else a form that only other servers know
            all.push_back({.wanted = {.part = std::move(**part), .wish = *wish}, .among = &attachment.parts, .at = 0});
    }
    if (const auto wish = least(steps, pipelines::takes_earlier_media))
        for (std::size_t i = 0; i < inputs.history.size(); ++i)
            if (auto found = find(inputs.history[i], inputs.history_at[i], *wish, all); !found)
                co_return std::unexpected(std::move(found.error()));
    for (std::size_t i = 0; i < inputs.prefill.size() && !steps.empty(); ++i)
        if (auto found = find(inputs.prefill[i], inputs.prefill_at[i], steps.back().wish, all); !found)
            co_return std::unexpected(std::move(found.error()));

    std::vector<media::Wanted> wanted;
    for (const auto& one : all) wanted.push_back(one.wanted);
    media::MediaReport report;
    auto made = co_await media.turn_all(wanted, report, std::move(hold));
    if (!made) co_return std::unexpected(std::move(made.error()));
    // From the last to the first: what a part becomes may be several, which move those behind it.
    for (auto i = all.size(); i-- > 0;) {
        auto& parts = *all[i].among;
        auto at = parts.erase(parts.begin() + static_cast<std::ptrdiff_t>(all[i].at));
        for (auto& one : (*made)[i]) at = std::next(parts.insert(at, std::move(one)));
    }
    co_return report;
}

}  // namespace sarai::gateway
