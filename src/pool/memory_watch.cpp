#include "pool/memory_watch.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>

namespace sarai::pool {
using namespace std::chrono_literals;
namespace {

constexpr auto calm_interval = 500ms;
constexpr auto alert_interval = 100ms;
constexpr std::size_t kept_events = 20;

void log(const WatchEvent& event) {
    using enum memory::GuardStep;
    const auto& model = event.model;
    switch (event.step) {
        case report: return spdlog::warn("model '{}' is over its plan: {}", model, event.why);
        case drop_cache:
            return spdlog::warn("model '{}' is started again to drop its prompt cache: {}", model, event.why);
        case close_admission: return spdlog::warn("no model is loaded for now: {}", event.why);
        case evict: return spdlog::warn("model '{}' is unloaded: {}", model, event.why);
        case restart: return spdlog::error("the worker of model '{}' is ended: {}", model, event.why);
        case open_admission: return spdlog::info("models may be loaded again: {}", event.why);
    }
}

}  // namespace

MemoryWatch::MemoryWatch(WatchRules rules, std::vector<std::string> models)
    : rules_(std::move(rules)),
      names_(std::move(models)),
      sampler_(rules_.pressure, rules_.stranger),
      guard_({.budget = rules_.budget,
              .reserve = rules_.reserve,
              .machine = memory::read_machine_memory().total,
              .acts = rules_.enforcement.mode != "off"}),
      models_(names_.size()) {
    rules_.pinned.resize(names_.size());
}

boost::asio::awaitable<std::vector<MemoryWatch::Step>> MemoryWatch::look(std::vector<Watched> workers) {
    std::vector<pid_t> pids;
    pids.reserve(workers.size());
    for (const auto& worker : workers) pids.push_back(worker.pid);
    reading_ = co_await sampler_.sample(std::move(pids), guard_.alert() ? alert_interval : calm_interval);
    cost_ += reading_.cost;
    if (reading_.estimated) cheap_cost_ = reading_.cost;
    peak_sum_ = std::max(peak_sum_, reading_.total().pss);

    memory::GuardSample sample{
        .own = reading_.own.pss, .available = reading_.machine.available, .pressure = reading_.pressure, .workers = {}};
    std::vector<ModelIndex> whose;
    for (std::size_t i = 0; i < workers.size(); ++i) {
        const auto& worker = workers[i];
        if (!reading_.workers[i]) continue;
        auto& model = models_[worker.model];
        if (model.pid != worker.pid) model = {.pid = worker.pid};
        model.measured = *reading_.workers[i];
        model.peak = std::max(model.peak, model.measured.pss);
        whose.push_back(worker.model);
        sample.workers.push_back({.process = worker.pid,
                                  .name = names_[worker.model],
                                  .planned = worker.planned,
                                  .allowance = memory::error_allowance(worker.planned),
                                  .measured = model.measured.pss,
                                  .anonymous = model.measured.anonymous,
                                  .prompt_cache = worker.prompt_cache,
                                  .ready = worker.state == LocalState::ready,
                                  .busy = worker.busy,
                                  .pinned = rules_.pinned[worker.model],
                                  .stopping = worker.state == LocalState::stopping});
    }

    std::vector<Step> steps;
    for (auto& action : guard_.step(memory::Guard::Clock::now(), sample)) {
        const bool about_admission =
            action.step == memory::GuardStep::close_admission || action.step == memory::GuardStep::open_admission;
        Step step{.step = action.step, .model = {}, .why = std::move(action.why)};
        if (!about_admission) step.model = whose[action.worker];
        events_.push_back({.at = std::chrono::system_clock::now(),
                           .step = step.step,
                           .model = step.model ? names_[*step.model] : "",
                           .why = step.why});
        if (events_.size() > kept_events) events_.pop_front();
        log(events_.back());
        steps.push_back(std::move(step));
    }
    for (const auto model : whose) models_[model].over_plan = guard_.over_plan(models_[model].pid);
    co_return steps;
}

std::chrono::milliseconds MemoryWatch::pause(bool loading) const {
    const auto wanted = loading || guard_.alert() ? alert_interval : calm_interval;
    return std::max<std::chrono::milliseconds>(
        wanted, std::chrono::duration_cast<std::chrono::milliseconds>(cheap_cost_ * 100));
}

}  // namespace sarai::pool
