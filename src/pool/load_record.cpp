#include "pool/load_record.hpp"

#include <algorithm>
#include <utility>

namespace sarai::pool {
namespace {

memory::Speed speed_of(std::int64_t tokens, double seconds) {
    if (tokens < LoadRecord::fewest_tokens || seconds <= 0) return {};
    return {.tokens = static_cast<double>(tokens), .seconds = seconds};
}

bool is_grown(Bytes peak, Bytes before) { return peak.count > before.count + before.count / 100; }

}  // namespace

LoadRecord::LoadRecord(const memory::ModelPlan& plan)
    : key_(plan.key), planned_(plan.total()), allowed_(plan.pessimistic()) {}

void LoadRecord::ready(std::chrono::milliseconds load_time) {
    ready_ = true;
    fresh_.load_time = load_time;
}

void LoadRecord::served(const std::optional<llm::Rates>& rates) {
    ++fresh_.requests;
    if (!rates) return;
    fresh_.prompt += speed_of(rates->prompt_tokens, rates->prompt_seconds);
    fresh_.decode += speed_of(rates->decode_tokens, rates->decode_seconds);
}

void LoadRecord::sampled(Bytes pss) {
    peak_ = std::max(peak_, pss);
    if (allowed_ == Bytes{} || pss <= allowed_) settled_ = std::max(settled_, pss);
}

void LoadRecord::settle(Clock::time_point now) {
    if (ended_for_excess_ || peak_ <= settled_) return;
    if (is_grown(peak_, waiting_)) {
        waiting_ = peak_;
        waiting_since_ = now;
    } else if (now - waiting_since_ >= interval) {
        settled_ = peak_;
    }
}

std::optional<memory::Observation> LoadRecord::due(Clock::time_point now) {
    settle(now);
    const bool news = is_grown(settled_, reported_peak_) || fresh_.requests > 0;
    if (!ready_ || (reported_ && now - *reported_ < interval) || !news) return std::nullopt;
    reported_ = now;
    return take();
}

std::optional<memory::Observation> LoadRecord::rest() {
    if (!ended_for_excess_) settled_ = peak_;
    if (!fresh_.load_time && fresh_.requests == 0 && settled_ <= reported_peak_) return std::nullopt;
    return take();
}

memory::Observation LoadRecord::take() {
    auto report = std::exchange(fresh_, {});
    report.key = key_;
    report.peak = reported_peak_ = settled_;
    return report;
}

Bytes LoadRecord::over_plan() const { return allowed_ > Bytes{} && peak_ > allowed_ ? peak_ - planned_ : Bytes{}; }

bool LoadRecord::newly_over_plan() { return over_plan() > Bytes{} && !std::exchange(told_over_, true); }

}  // namespace sarai::pool
