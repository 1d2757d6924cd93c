#include "router/decide.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

namespace sarai::router {
namespace {

double threshold_of(const config::Routing& routing, Label label) {
    switch (label) {
        case Label::hard: return routing.thresholds.hard;
        case Label::soft: return routing.thresholds.soft;
        case Label::web_query: return routing.thresholds.web_query;
    }
    return 1;
}

Route route_of(Label label) {
    switch (label) {
        case Label::hard: return Route::hard;
        case Label::soft: return Route::soft;
        case Label::web_query: return Route::web_query;
    }
    return Route::fallback;
}

bool fits(const config::RoutingRule& rule, const Scores& scores, const Facts& facts) {
    if (!rule.language.empty() && rule.language != name_of(scores.language)) return false;
    if (facts.size < rule.min_size || (rule.max_size && facts.size > *rule.max_size)) return false;
    if (rule.tools && *rule.tools != facts.tools) return false;
    if (rule.attachment.empty()) return !facts.any_attachment();
    if (rule.attachment == "any") return facts.any_attachment();
    return rule.attachment == "image" ? facts.image : rule.attachment == "audio" ? facts.audio : facts.video;
}

std::string attachments_of(const Facts& facts) {
    std::vector<std::string_view> has;
    if (facts.image) has.emplace_back("image");
    if (facts.audio) has.emplace_back("audio");
    if (facts.video) has.emplace_back("video");
    return fmt::format("{}", fmt::join(has, " and "));
}

class Decider {
public:
    Decider(const Scores& scores, const Facts& facts, const config::Routing& routing, const Targets& targets,
            const Obstacles& obstacles)
        : scores_(scores), facts_(facts), routing_(routing), targets_(targets), obstacles_(obstacles) {}

    Result<Decision> run() {
        if (targets_.all.empty()) return fail(Code::not_found, "there is no chat model that \"auto\" could choose");
        weigh_labels();
        const bool decided = by_rule() || by_attachment() || by_conversation();
        if (!decided) by_label();
        if (auto possible = mind_obstacles(); !possible) return std::unexpected(possible.error());
        list();
        return std::move(decision_);
    }

private:
    [[nodiscard]] double score(Label label) const { return scores_.of(label); }
    [[nodiscard]] bool counts(Label label) const { return score(label) >= threshold_of(routing_, label); }

    // The one that wins of those that count; none for a prompt that is unlike what was taught.
    void weigh_labels() {
        familiar_ = scores_.familiar >= familiar_enough();
        if (!familiar_) return;
        if (counts(Label::hard) && counts(Label::soft)) {
            both_ = true;
            winner_ =
                routing_.alpha * score(Label::hard) >= routing_.beta * score(Label::soft) ? Label::hard : Label::soft;
        } else if (counts(Label::hard)) {
            winner_ = Label::hard;
        } else if (counts(Label::soft)) {
            winner_ = Label::soft;
        }
        if (counts(Label::web_query) && (!winner_ || score(Label::web_query) > score(*winner_))) {
            winner_ = Label::web_query;
            both_ = false;
        }
        mixed_ = winner_ && *winner_ != Label::web_query && !targets_.mixed.empty() &&
                 score(*winner_ == Label::hard ? Label::soft : Label::hard) >= routing_.thresholds.mixed;
    }
    [[nodiscard]] double familiar_enough() const { return routing_.thresholds.familiar.value_or(0); }

    void choose(Route route, std::string model, std::optional<Label> label, std::string why) {
        decision_.route = route;
        decision_.model = std::move(model);
        decision_.label = label;
        decision_.reason = fmt::format("{} for {}: {}", decision_.model, name_of(route), why);
    }

    bool by_rule() {
        for (std::size_t i = 0; i < routing_.rules.size(); ++i) {
            const auto& rule = routing_.rules[i];
            if (!fits(rule, scores_, facts_) || !targets_.has(rule.model)) continue;
            std::vector<std::string> about;
            if (!rule.language.empty()) about.push_back("language " + rule.language);
            if (!rule.attachment.empty()) about.push_back("attachment " + attachments_of(facts_));
            if (rule.min_size > 0 || rule.max_size) about.push_back(fmt::format("{} bytes", facts_.size));
            if (rule.tools) about.emplace_back(facts_.tools ? "tools" : "no tools");
            choose(
                Route::rule, rule.model, winner_,
                about.empty() ? fmt::format("rules[{}]", i) : fmt::format("rules[{}], {}", i, fmt::join(about, ", ")));
            return true;
        }
        return false;
    }

    bool by_attachment() {
        if (!facts_.any_attachment() || attachment_target().empty()) return false;
        choose(Route::multimodal, attachment_target(), std::nullopt,
               fmt::format("the conversation has {}", attachments_of(facts_)));
        return true;
    }

    [[nodiscard]] const std::string& attachment_target() const {
        const bool only_heard = facts_.audio && !facts_.image && !facts_.video;
        const auto& target = only_heard ? targets_.audio : targets_.image;
        return target.empty() ? targets_.multimodal : target;
    }
    [[nodiscard]] const std::string& label_target() const { return mixed_ ? targets_.mixed : targets_.way(*winner_); }

    bool by_conversation() {
        const auto& earlier = facts_.earlier;
        if (!routing_.keep || !earlier || !targets_.has(earlier->model)) return false;
        std::string why;
        if (!familiar_) {
            why = fmt::format("unfamiliar ({:.2f}), so no change of topic", scores_.familiar);
        } else if (!winner_) {
            why = "no label counts, so no change of topic";
        } else {
            const double before = earlier->label ? score(*earlier->label) : 0;
            const double ahead = score(*winner_) - before;
            if (winner_ != earlier->label && ahead > routing_.topic_change) return false;
            why = winner_ == earlier->label
                      ? fmt::format("still {} ({:.2f})", name_of(*winner_), score(*winner_))
                      : fmt::format("{} is only {:.2f} ahead of {}, and a change of topic needs more than {:.2f}",
                                    name_of(*winner_), ahead, earlier->label ? name_of(*earlier->label) : "default",
                                    routing_.topic_change);
        }
        choose(Route::pinned, earlier->model, earlier->label, "the conversation goes on; " + why);
        return true;
    }

    void by_label() {
        if (winner_)
            choose(route_of(*winner_), label_target(), winner_, why_label());
        else
            choose(Route::fallback, targets_.fallback, std::nullopt, why_none());
    }

    [[nodiscard]] std::string why_label() const {
        if (both_)
            return fmt::format("hard {:.2f} and soft {:.2f} both count, and {:g} * {:.2f} {} {:g} * {:.2f}",
                               score(Label::hard), score(Label::soft), routing_.alpha, score(Label::hard),
                               winner_ == Label::hard ? ">=" : "<", routing_.beta, score(Label::soft));
        std::vector<std::string> others;
        for (const auto label : all_labels)
            if (label != *winner_) others.push_back(fmt::format("{} {:.2f}", name_of(label), score(label)));
        return fmt::format("{} {:.2f} >= {:.2f} ({}{})", name_of(*winner_), score(*winner_),
                           threshold_of(routing_, *winner_), fmt::join(others, ", "),
                           mixed_ ? fmt::format("; a mixture from {:.2f} on", routing_.thresholds.mixed) : "");
    }
    [[nodiscard]] std::string why_none() const {
        if (!familiar_)
            return fmt::format("abstained, as the prompt is unlike what was taught (familiar {:.2f} < {:.2f})",
                               scores_.familiar, familiar_enough());
        std::vector<std::string> all;
        for (const auto label : all_labels)
            all.push_back(
                fmt::format("{} {:.2f} < {:.2f}", name_of(label), score(label), threshold_of(routing_, label)));
        return fmt::format("no label counts ({})", fmt::join(all, ", "));
    }

    // Where the model of choice may not or cannot: the best of those that may and can, by the labels' scores; one that
    // cannot as far as is known, where there is no better one, says itself what it lacks.
    Result<void> mind_obstacles() {
        const auto first = obstacles_(decision_.model);
        if (first.why.empty()) return {};
        const std::string* instead = nullptr;
        auto order = all_labels;
        std::ranges::stable_sort(order, std::greater{}, [this](Label label) { return score(label); });
        std::vector<const std::string*> ways;
        for (const auto label : order) ways.push_back(&targets_.of(label));
        ways.push_back(&targets_.fallback);
        for (const auto& name : targets_.all) ways.push_back(&name);
        for (const auto* way : ways) {
            const auto obstacle = obstacles_(*way);
            if (obstacle.why.empty()) {
                instead = way;
                break;
            }
            if (first.forbidden && !obstacle.forbidden && instead == nullptr) instead = way;
        }
        if (instead == nullptr && first.forbidden)
            return std::unexpected(Error{.code = Code::forbidden,
                                         .message = fmt::format("\"auto\" has no model to choose: {}", first.why),
                                         .field = "model"});
        if (instead == nullptr) return {};
        decision_.reason += fmt::format("; {} instead of it, because {}", *instead, first.why);
        decision_.model = *instead;
        decision_.instead = true;
        return {};
    }

    void list() {
        const auto add = [this](std::string_view route, const std::string& model, double score, double threshold) {
            if (model.empty()) return;
            decision_.considered.push_back({.route = std::string(route),
                                            .model = model,
                                            .score = score,
                                            .threshold = threshold,
                                            .chosen = name_of(decision_.route) == route,
                                            .note = obstacles_(model).why});
        };
        if (decision_.route == Route::rule || decision_.route == Route::pinned)
            add(name_of(decision_.route), decision_.model, 0, 0);
        for (const auto label : all_labels)
            add(name_of(label), mixed_ && label == winner_ ? label_target() : targets_.way(label), score(label),
                threshold_of(routing_, label));
        if (facts_.any_attachment()) add(name_of(Route::multimodal), attachment_target(), 0, 0);
        add(name_of(Route::fallback), targets_.fallback, 0, 0);
    }

    const Scores& scores_;
    const Facts& facts_;
    const config::Routing& routing_;
    const Targets& targets_;
    const Obstacles& obstacles_;
    bool familiar_ = true;
    bool both_ = false;   // hard and soft count, and their weights decided
    bool mixed_ = false;  // one of them wins, and the other one is to be heard
    std::optional<Label> winner_;
    Decision decision_;
};

}  // namespace

std::string_view name_of(Route route) {
    switch (route) {
        case Route::hard: return "hard";
        case Route::soft: return "soft";
        case Route::web_query: return "web_query";
        case Route::multimodal: return "multimodal";
        case Route::fallback: return "default";
        case Route::pinned: return "pinned";
        case Route::rule: return "rule";
    }
    return "default";
}

std::string describe(const Scores& scores) {
    return fmt::format("hard={:.2f} soft={:.2f} web_query={:.2f} familiar={:.2f}", scores.hard, scores.soft,
                       scores.web_query, scores.familiar);
}

Result<Decision> decide(const Scores& scores, const Facts& facts, const config::Routing& routing,
                        const Targets& targets, const Obstacles& obstacles) {
    return Decider(scores, facts, routing, targets, obstacles).run();
}

}  // namespace sarai::router
