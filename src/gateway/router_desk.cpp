#include "gateway/router_desk.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "gateway/pipeline_listing.hpp"
#include "gateway/pipeline_run.hpp"
#include "gateway/prompt_of.hpp"
#include "llm/conversation.hpp"

namespace sarai::gateway {
namespace {

// Of a prompt, for feedback; a thousand of them are kept.
constexpr std::size_t kept_text = std::size_t{8} << 10U;

// As far as is known without reading anything: a file that was not looked at yet is given the benefit of the doubt.
std::string what_it_lacks(const config::Model& model, const Prompt& prompt, const Shared& shared) {
    if (model.remote || !model.local) return {};
    if (prompt.facts.any_attachment() && !model.local->mmproj) return fmt::format("'{}' reads text alone", model.name);
    const auto context = model.local->context_length / std::max(1, model.local->parallel);
    const auto tokens = prompt.all_text / 4;  // bytes; nearly all tokenizers need more tokens than that
    if (tokens > context)
        return fmt::format("the request is about {} tokens, more than the context of {} that '{}' has", tokens, context,
                           model.name);
    if (!prompt.facts.tools) return {};
    const auto facts = shared.catalogue.look(model.local->path).facts;
    if (facts && !memory::takes_tools(*facts)) return fmt::format("'{}' takes no tools", model.name);
    return {};
}

// At most so many bytes, whole characters.
std::string_view beginning_of(std::string_view text, std::size_t most) {
    if (text.size() <= most) return text;
    while (most > 0 && (static_cast<unsigned char>(text[most]) & 0xC0U) == 0x80U) --most;
    return text.substr(0, most);
}

router::Obstacles obstacles_of(const Prompt& prompt, const Caller& caller, const Shared& shared) {
    return [&prompt, &caller, &shared](std::string_view name) -> router::Obstacle {
        if (auto allowed = access::may_use(caller.visit.key(), name); !allowed)
            return {.why = allowed.error().message, .forbidden = true};
        const auto* model = shared.config.find(name);
        if (model == nullptr) return {};
        return {.why = what_it_lacks(*model, prompt, shared)};
    };
}

// The model of that name, or those of a pipeline's steps.
std::vector<pool::ModelIndex> models_behind(const Shared& shared, const std::string& name) {
    std::vector<pool::ModelIndex> models;
    const auto add = [&](const std::string& one) {
        const auto model = find_model(shared.config, one);
        if (model && !std::ranges::contains(models, who_serves(shared.config, *model)))
            models.push_back(who_serves(shared.config, *model));
    };
    const auto* pipeline = shared.config.find_pipeline(name);
    if (pipeline == nullptr) add(name);
    for (std::size_t i = 0; pipeline != nullptr && i < pipeline->steps.size(); ++i)
        if (const auto model = who_takes(*pipeline, pipeline->steps[i], shared)) add(*model);
    return models;
}

}  // namespace

bool RouterDesk::is_auto(std::string_view model) const {
    return config_.routing.enabled && eyes_.router && config::names_auto(model);
}

std::vector<router::Candidate> RouterDesk::candidates(const Catalogue& catalogue) const {
    std::vector<router::Candidate> candidates;
    for (const auto& model : config_.models) {
        // What a client brings changes nobody else's answers.
        if (model.retired || model.brought || model.kind != config::ModelKind::chat) continue;
        candidates.push_back({.name = model.name,
                              .remote = model.remote.has_value(),
                              .multimodal = model.local && model.local->mmproj,
                              .size = model.local ? catalogue.look(model.local->path).size : Bytes{}});
    }
    return candidates;
}

router::Targets RouterDesk::targets(const Catalogue& catalogue) const {
    return router::find_targets(config_.routing, candidates(catalogue));
}

router::Targets RouterDesk::ways(const Shared& shared, const config::ApiKey* key) const {
    std::vector<std::string> pipelines;
    for (const auto* pipeline : listed_pipelines(shared, key)) pipelines.push_back(pipeline->name);
    return router::find_targets(config_.routing, candidates(shared.catalogue), std::move(pipelines));
}

std::string RouterDesk::language_of(const llm::Request& request) const {
    return std::string(
        router::name_of(eyes_.mini ? eyes_.mini(prompt_of(request).text).language : router::Language::other));
}

Result<Routed> RouterDesk::look(const llm::Request& request, const Caller& caller, const Shared& shared, bool mini) {
    auto prompt = prompt_of(request);
    if (prompt.goes_on)
        if (const auto* earlier = conversations_.find({caller.name, llm::conversation_of(request)}))
            prompt.facts.earlier = *earlier;
    const auto scores = mini ? eyes_.mini(prompt.text) : eyes_.router(prompt.text);
    auto routing = config_.routing;
    if (!routing.thresholds.familiar)
        routing.thresholds.familiar = mini ? eyes_.mini_familiar_enough : eyes_.familiar_enough;
    auto decision = router::decide(scores, prompt.facts, routing, ways(shared, caller.visit.key()),
                                   obstacles_of(prompt, caller, shared));
    if (!decision) return std::unexpected(decision.error());
    return Routed{.decision = std::move(*decision), .scores = scores, .text = std::move(prompt.text)};
}

Result<Routed> RouterDesk::route(llm::Request& request, const Caller& caller, const Shared& shared) {
    auto routed = look(request, caller, shared);
    if (!routed) return routed;
    const auto& decision = routed->decision;
    if (llm::generates(request.task)) {
        // What holds for this message alone, a rule's word or somebody who stood in, is not what the conversation has.
        const auto conversation = llm::conversation_of(request);
        if (conversation != 0 && decision.route != router::Route::rule && !decision.instead)
            conversations_.put({caller.name, conversation}, {.model = decision.model, .label = decision.label});
        auto kept = *routed;
        kept.decision.considered.clear();
        kept.text = config_.routing.store_prompts ? valid_utf8(beginning_of(kept.text, kept_text)) : std::string();
        decisions_.put({caller.name, caller.id}, std::move(kept));
    }
    request.model = decision.model;
    request.body["model"] = decision.model;
    request.text = {};  // it names "auto"
    return routed;
}

const Routed* RouterDesk::decided(const std::string& key, const std::string& request_id) {
    return decisions_.find({key, request_id});
}

Result<RouterDesk::Hinted> RouterDesk::hint(const llm::Request& request, const Caller& caller,
                                            const std::string& client, const Shared& shared) {
    const auto routed = look(request, caller, shared, true);
    if (!routed) return std::unexpected(routed.error());
    const auto& decision = routed->decision;
    Hinted hinted{.model = decision.model, .reason = decision.reason};
    const auto now = std::chrono::steady_clock::now();
    if (const auto* last = hints_.find(client);
        last != nullptr && now - last->at < (last->model == decision.model ? hint_pause : other_hint_pause)) {
        hinted.reason += "; hinted a moment ago";
        return hinted;
    }
    hints_.put(client, {.model = decision.model, .at = now});
    const auto models = models_behind(shared, decision.model);
    for (const auto model : models) {
        const auto begun = shared.pool.prefetch(model);
        hinted.loading = hinted.loading || begun.begun;
        hinted.reason += models.size() == 1 ? "; " + begun.why
                                            : fmt::format("; {}: {}", shared.config.models[model].name, begun.why);
    }
    return hinted;
}

bool would_load(const Shared& shared, const std::string& name) {
    const auto& core = shared.pool.core();
    return std::ranges::any_of(models_behind(shared, name), [&](auto model) {
        const auto& spec = core.models()[model];
        return spec.has_local && core.local(model).state != pool::LocalState::ready &&
               std::ranges::none_of(spec.endpoints, [&](auto endpoint) { return core.endpoint(endpoint).up; });
    });
}

}  // namespace sarai::gateway
