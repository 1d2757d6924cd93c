// Random histories against a model of the driver, which answers Measure, Spawn, Stop and Probe at random later times,
// as the real one would. After every event the promises of pool_core.hpp are checked from the driver's point of view;
// at the end of each history all is released and settled, and nothing may be left.
//
// The seeds are fixed; SARAI_POOL_SEED=<n> runs one other history per test.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include <fmt/ranges.h>

#include "core_support.hpp"
#include "pool/pool_core.hpp"

namespace sarai::pool::pool_core_property_test {
namespace {

using namespace std::chrono_literals;

enum class Process : std::uint8_t { none, starting, serving };

class Driver {
public:
    Driver(std::uint64_t seed, Policy policy)
        : random_(seed),
          core_(rules(policy, seed), models(),
                {{.name = "east:1", .capacity = 2, .can_wake = true},
                 {.name = "west:2", .capacity = 1, .weight = 2},
                 {.name = "north:3"}}) {
        measuring_.resize(core_.models().size());
        measuring_form_.resize(core_.models().size());
        processes_.resize(core_.models().size());
        stop_asked_.resize(core_.models().size());
        drain_asked_.resize(core_.models().size());
        probing_.resize(core_.endpoints().size());
    }

    static Rules rules(Policy policy, std::uint64_t seed) {
        return {.budget = Bytes{100},
                .max_concurrent_llms = 2,
                .reap_wait = 500ms,
                .policy = policy,
                .restore_after = 2s,
                .health = {.probe_interval = 1s, .check_interval = 3s, .jitter = 0.2, .seed = seed}};
    }
    static std::vector<ModelSpec> models() {
        return {{.name = "chat", .has_local = true, .priority = 60, .slots = 2},
                {.name = "code", .has_local = true, .priority = 40, .ttl = 300ms, .slots = 1, .queue = {.length = 4}},
                {.name = "big", .has_local = true, .may_give_up = {.kv_cache_type = "q8_0", .min_context_length = 512}},
                {.name = "embed", .generative = false, .has_local = true, .pinned = true},
                {.name = "hybrid", .endpoints = {0, 1}, .has_local = true, .may_displace = {embed, chat}, .slots = 1},
                {.name = "cluster",
                 .endpoints = {1, 2},
                 .stand_in = code,
                 .queue = {.length = 3},
                 .distance = Distance::lan_first},
                {.name = "orphan"},
                {.name = "cloud", .endpoints = {0, 2}, .distance = Distance::lan_only},
                {.name = "eyes", .has_local = true, .slots = 2, .media_on_demand = true, .media_ttl = 400ms}};
    }

    enum : ModelIndex { chat, code, big, embed, hybrid, cluster, orphan, cloud, eyes };

    // One event that could happen now, or one that should have no effect.
    void step() {
        now_ += std::chrono::milliseconds(below(40));
        const auto model = below(core_.models().size());
        const auto endpoint = below(core_.endpoints().size());
        switch (below(27)) {
            case 0:
            case 1:
            case 2:
                if (asked_.size() + granted_.size() < 24 && !core_.models()[model].retired)
                    acquire(below(8) == 0 ? ModelIndex{cluster} : below(6) == 0 ? ModelIndex{eyes} : model);
                break;
            case 3:
            case 4: release(any_ticket()); break;
            case 5:
            case 6: attempt_failed(any_ticket(), any_error()); break;
            case 7:
                if (below(4) == 0) perform(core_.endpoint_failed(now_, endpoint, any_error()), "endpoint_failed");
                break;
            case 8:
                if (below(3) == 0 && !core_.models()[model].retired) perform(core_.preload(model), "preload");
                break;
            case 9: measured_form(eyes, any_plan()); [[fallthrough]];
            case 10: measured(model, any_plan()); break;
            case 11: worker_ready(model); break;
            case 12:
                if (stop_asked_[model] || below(3) == 0) worker_gone(model);
                break;
            case 13:
                if (below(3) == 0) perform(core_.stop(model), "stop");
                break;
            case 14: probed(endpoint, any_probe()); break;
            case 15: tick(); break;
            case 16:
                if (below(8) == 0)
                    perform(core_.set_budget(Bytes{static_cast<std::int64_t>(60 + below(60))}), "set_budget");
                if (below(4) == 0) set_aside(Bytes{static_cast<std::int64_t>(below(3) * below(40))});
                if (below(12) == 0) keep(Bytes{static_cast<std::int64_t>(below(3) * below(8))});
                break;
            case 17:
                if (below(6) == 0) unload(model);
                break;
            case 18:  // mostly open, as on a machine that is short now and then
                if (below(8) == 0) perform(core_.set_admission(false, "memory is short"), "set_admission");
                if (below(2) == 0) perform(core_.set_admission(true, {}), "set_admission");
                break;
            case 19: answered(any_ticket()); break;
            case 20:
            case 21: finished(any_ticket()); break;
            case 22: borrow(model); break;
            case 23: perform(core_.overtaken(now_, any_ticket(), 5ms), "overtaken"); break;
            case 24:
                if (below(8) == 0) perform(core_.lift_quarantine(model), "lift_quarantine");
                if (below(4) == 0) drain(model, below(4) > 0);
                break;
            case 25:
                if (!core_.models()[model].retired) prefetch(model);
                break;
            default:
                if (below(20) == 0) reload_big();
        }
        check();
    }

    // The driver completes what it was asked for and callers leave with what they were granted.
    void settle() {
        perform(core_.set_admission(true, {}), "set_admission");
        while (!aside_.empty()) set_aside({});
        keep({});
        for (int round = 0; round < 300; ++round) {
            if (core_.tickets() == 0 && !busy()) break;
            while (!granted_.empty()) {
                release(granted_.begin()->first);
                check();
            }
            for (ModelIndex model = 0; model < core_.models().size(); ++model) {
                if (measuring_[model]) measured(model, any_plan());
                if (measuring_form_[model]) measured_form(model, any_plan());
                check();
                if (processes_[model] == Process::starting && !stop_asked_[model]) worker_ready(model);
                check();
                if (stop_asked_[model]) worker_gone(model);
                check();
            }
            for (EndpointIndex endpoint = 0; endpoint < core_.endpoints().size(); ++endpoint)
                if (probing_[endpoint]) probed(endpoint, {});
            now_ += 1s;
            tick();
            check();
        }
        EXPECT_EQ(core_.tickets(), 0u) << "a ticket starves";
        EXPECT_TRUE(asked_.empty());
        EXPECT_FALSE(busy());
        for (int round = 0; round < 20; ++round)  // a model that was displaced may be loaded again meanwhile
            for (ModelIndex model = 0; model < core_.models().size(); ++model) {
                EXPECT_EQ(core_.local(model).leases, 0);
                if (measuring_[model]) measured(model, fail(Code::corrupt_file, "bad magic"));
                if (processes_[model] != Process::none) worker_gone(model);
            }
        for (EndpointIndex endpoint = 0; endpoint < core_.endpoints().size(); ++endpoint)
            EXPECT_EQ(core_.endpoint(endpoint).leases, 0);
        EXPECT_EQ(core_.reserved(), Bytes{});
    }

    // How often what has happened: a history in which nothing is ever granted would prove nothing.
    std::map<std::string, int> counts;

private:
    std::uint64_t below(std::uint64_t n) {
        return random_() % n;
    }  // not a distribution: those differ between libraries

    Result<ProbeReport> any_probe() {
        if (below(2) == 0) return fail(Code::timeout, "no answer");
        ProbeReport report{.round_trip = std::chrono::microseconds(below(20'000))};
        if (below(2) == 0) report.resident = {cluster};
        return report;
    }
    void set_aside(Bytes bytes) {
        // One of those that are set aside comes back, another may be added.
        if (!aside_.empty() && (bytes == Bytes{} || below(2) == 0)) {
            const auto back = aside_.back();
            aside_.pop_back();
            perform(core_.give_back(back), "give_back");
        }
        if (bytes == Bytes{}) return;
        Actions actions;
        const auto granted = core_.set_aside(bytes, actions);
        if (granted == PoolCore::Aside::granted) aside_.push_back(bytes);
        counts["set aside"] += aside_.size() > 1 ? 1 : 0;
        perform(std::move(actions), "set_aside");
    }
    void keep(Bytes total) {
        Actions actions;
        const auto granted = core_.keep(total, actions);
        if (granted == PoolCore::Aside::granted) {
            EXPECT_EQ(core_.kept(), total);
            counts["keep"] += total > Bytes{} ? 1 : 0;
        }
        perform(std::move(actions), "keep");
    }
    Ask any_ask() {
        return {.client = std::string(1, static_cast<char>('a' + below(3))),
                .urgency = static_cast<Urgency>(below(3)),
                .conversation = below(4),
                .patience = std::chrono::milliseconds(below(8) == 0 ? 200 : 0),
                .here = below(8) == 0,
                .media = below(3) == 0};
    }
    Error any_error() {
        static constexpr Code kinds[] = {Code::unavailable,     Code::unavailable,     Code::unavailable,
                                         Code::timeout,         Code::upstream,        Code::busy,
                                         Code::denied_upstream, Code::rate_limited,    Code::not_found,
                                         Code::cancelled,       Code::invalid_argument};
        return {.code = kinds[below(std::size(kinds))],
                .message = "a failure",
                .retry_after = std::chrono::seconds(below(6) == 0 ? 2 : 0),
                .unsent = below(2) == 0};
    }
    Result<Needs> any_plan() {
        if (below(12) == 0) return fail(Code::corrupt_file, "bad magic");
        if (below(24) == 0) return Needs{.total = Bytes{std::numeric_limits<std::int64_t>::max()}};
        const auto total = static_cast<std::int64_t>(1 + below(60));
        return Needs{.total = Bytes{total},
                     .kv_cache = Bytes{total / 2},
                     .prompt_cache = Bytes{total / 4},
                     .context_length = 4096};
    }
    Ticket any_ticket() {  // also one that has never been, or is no more
        return next_ticket_ < 40 ? below(next_ticket_ + 2) : next_ticket_ - 38 + below(40);
    }

    void acquire(ModelIndex model) {
        const auto ticket = ++next_ticket_;
        asked_[ticket] = originals_[ticket] = model;
        auto ask = any_ask();
        if (ask.media) brings_media_.insert(ticket);
        perform(core_.acquire(now_, ticket, model, std::move(ask)), "acquire");
    }
    void prefetch(ModelIndex model) {
        const auto result = core_.prefetch(now_, model, below(2) == 0);
        ++counts[result.begun ? "prefetch" : "prefetch refused"];
        EXPECT_EQ(result.begun, !result.actions.empty());
        for (const auto& action : result.actions)
            EXPECT_TRUE(std::holds_alternative<Measure>(action) || std::holds_alternative<Wake>(action))
                << "somebody is displaced or served";
        perform(result.actions, "prefetch");
    }
    // The model is changed by a reload: it goes when it is not used any more, and another one has its name.
    void reload_big() {
        if (core_.models().size() > models().size() + 5) return;
        const auto fresh = core_.add_model(models()[big]);
        measuring_.resize(fresh + 1);
        measuring_form_.resize(fresh + 1);
        processes_.resize(fresh + 1);
        stop_asked_.resize(fresh + 1);
        drain_asked_.resize(fresh + 1);
        perform(core_.retire(now_, big_), "retire");
        big_ = fresh;
        ++counts["reload"];
        if (below(2) == 0) perform(core_.preload(big_), "preload");
    }
    void borrow(ModelIndex model) {
        const bool alone = below(2) == 0;
        const bool idle = std::ranges::none_of(
            granted_, [&](const auto& entry) { return !entry.second.endpoint && !finished_.contains(entry.first); });
        const auto ticket = ++next_ticket_;
        asked_[ticket] = originals_[ticket] = model;
        const auto actions = core_.borrow(now_, ticket, model, alone);
        const bool granted = std::holds_alternative<Grant>(actions.front());
        ++counts[granted ? "borrow" : "borrow refused"];
        EXPECT_TRUE(!granted || !alone || idle) << "somebody computes";
        EXPECT_EQ(actions.size(), 1u);
        perform(actions, "borrow");
    }
    void answered(Ticket ticket) {
        const bool known = granted_.contains(ticket);
        const auto actions = core_.answered(now_, ticket);
        if (known)
            perform(actions, "answered");
        else
            expect_nothing(actions, "answered of no granted ticket");
    }
    void finished(Ticket ticket) {
        const bool known = granted_.contains(ticket) && finished_.insert(ticket).second;
        const auto actions = core_.finished(now_, ticket);
        if (known)
            perform(actions, "finished");
        else
            expect_nothing(actions, "finished of no running ticket");
    }
    void release(Ticket ticket) {
        asked_.erase(ticket);
        granted_.erase(ticket);
        finished_.erase(ticket);
        perform(core_.release(now_, ticket), "release");
    }
    void attempt_failed(Ticket ticket, const Error& error) {
        if (const auto found = granted_.find(ticket); found != granted_.end()) {
            asked_[ticket] = originals_.at(ticket);
            granted_.erase(found);
            finished_.erase(ticket);
            in_reap_wait_[ticket] = true;
            perform(core_.attempt_failed(now_, ticket, error), "attempt_failed");
        } else {
            expect_nothing(core_.attempt_failed(now_, ticket, error), "attempt_failed of no granted ticket");
        }
    }
    void measured(ModelIndex model, const Result<Needs>& planned) {
        if (!measuring_[model]) return expect_nothing(core_.measured(model, planned), "measured unasked");
        measuring_[model] = false;
        perform(core_.measured(model, planned), "measured");
    }
    void measured_form(ModelIndex model, const Result<Needs>& planned) {
        if (!measuring_form_[model]) return;
        measuring_form_[model] = false;
        perform(core_.measured_form(model, planned), "measured_form");
    }
    void unload(ModelIndex model) {
        const auto leases = core_.local(model).leases - core_.local(model).ahead;
        const auto actions = core_.unload(model);
        ++counts[actions ? "unload" : "unload refused"];
        EXPECT_FALSE(actions && leases > 0) << "somebody uses " << core_.models()[model].name;
        if (actions) perform(*actions, "unload");
    }
    void drain(ModelIndex model, bool goes) {
        const auto state = core_.local(model).state;
        drain_asked_[model] = goes && (state == LocalState::ready || state == LocalState::loading);
        if (drain_asked_[model]) ++counts["drain"];
        perform(core_.drain(model, goes), "drain");
    }
    void worker_ready(ModelIndex model) {
        if (processes_[model] != Process::starting)
            return expect_nothing(core_.worker_ready(model), "ready without a worker that starts");
        processes_[model] = Process::serving;
        perform(core_.worker_ready(model), "worker_ready");
    }
    void worker_gone(ModelIndex model) {
        const Error why{.code = Code::unavailable, .message = "killed by signal 9"};
        if (processes_[model] == Process::none)
            return expect_nothing(core_.worker_gone(model, why), "gone without a worker");
        processes_[model] = Process::none;
        stop_asked_[model] = drain_asked_[model] = false;
        perform(core_.worker_gone(model, why), "worker_gone");
    }
    void probed(EndpointIndex endpoint, const Result<ProbeReport>& outcome) {
        if (!probing_[endpoint]) return;
        probing_[endpoint] = false;
        perform(core_.probed(now_, endpoint, outcome), "probed");
    }
    void tick() {
        ticked_ = now_;
        perform(core_.tick(now_), "tick");
    }

    void expect_nothing(const Actions& actions, const char* event) {
        event_ = event;
        EXPECT_TRUE(actions.empty()) << event_;
    }

    // For whoever looks for the cause of a failure.
    void trace(const char* event, const Actions& actions) const {
        std::string line = fmt::format("{}: {} |", event, fmt::join(testing::lines_of(core_, actions), "; "));
        for (ModelIndex model = 0; model < core_.models().size(); ++model) {
            const auto& local = core_.local(model);
            if (local.state == LocalState::absent) continue;
            line += fmt::format(" {} {} {}/{}{} {}w{};", core_.models()[model].name, name_of(local.state),
                                local.reserved.count, local.needs.total.count, local.draining ? " drains" : "",
                                core_.waiting(model), local.leases > 0 ? fmt::format(" {}l", local.leases) : "");
        }
        fmt::print("{} budget {}\n", line, core_.rules().budget.count);
    }
    void perform(const Actions& actions, const char* event) {
        event_ = event;
        if (std::getenv("SARAI_POOL_TRACE") != nullptr) trace(event, actions);
        for (const auto& action : actions) std::visit([this](const auto& a) { on(a); }, action);
    }
    void on(const Measure& a) {
        ++counts["measure"];
        EXPECT_FALSE(measuring_[a.model]) << event_;
        EXPECT_EQ(processes_[a.model], Process::none) << event_;
        measuring_[a.model] = true;
    }
    void on(const MeasureForm& a) {
        ++counts["measure form"];
        EXPECT_FALSE(measuring_form_[a.model]) << event_;
        EXPECT_EQ(processes_[a.model], Process::serving) << event_;
        measuring_form_[a.model] = true;
    }
    void on(const Spawn& a) {
        ++counts["spawn"];
        EXPECT_FALSE(measuring_[a.model]) << event_;
        EXPECT_EQ(processes_[a.model], Process::none) << event_;
        EXPECT_GT(core_.local(a.model).reserved, Bytes{}) << event_;
        processes_[a.model] = Process::starting;
    }
    void on(const Stop& a) {
        ++counts["stop"];
        EXPECT_NE(processes_[a.model], Process::none) << event_;
        EXPECT_FALSE(stop_asked_[a.model]) << event_;
        stop_asked_[a.model] = true;
        const bool drained = drain_asked_[a.model];
        drain_asked_[a.model] = false;
        if (event_ == "stop") return;
        ++counts["displaced"];
        const auto ahead = event_ == "unload" ? core_.local(a.model).ahead : 0;
        EXPECT_EQ(core_.local(a.model).leases, ahead)
            << event_ << " cuts off who uses " << core_.models()[a.model].name;
        if (event_ == "unload") return;
        // Never_unload: only for a lost server's fallback, for what that has displaced, after a ttl, and what was
        // loaded ahead of a request that has not come.
        const bool allowed = drained || core_.rules().policy != Policy::never_unload ||
                             core_.models()[a.model].retired || core_.local(a.model).ahead_of_request ||
                             core_.models()[a.model].name != "big";
        EXPECT_TRUE(allowed) << event_;
    }
    void on(const Probe& a) {
        ++counts["probe"];
        EXPECT_FALSE(probing_[a.endpoint]) << event_;
        probing_[a.endpoint] = true;
    }
    void on(const Wake& a) {
        ++counts["wake"];
        EXPECT_TRUE(core_.endpoints()[a.endpoint].can_wake && !core_.endpoint(a.endpoint).up) << event_;
    }
    void on(const Grant& a) {
        ++counts[a.route.endpoint ? "grant remote" : "grant local"];
        const auto asked = asked_.find(a.ticket);
        ASSERT_NE(asked, asked_.end()) << event_ << " answers ticket " << a.ticket << " that did not ask";
        const bool stands_in = asked->second == cluster && a.route.model == code;
        EXPECT_TRUE(stands_in || a.route.model == asked->second) << event_;
        counts["stands in"] += stands_in ? 1 : 0;
        const auto& spec = core_.models()[a.route.model];
        if (a.route.endpoint) {
            EXPECT_TRUE(std::ranges::contains(spec.endpoints, *a.route.endpoint)) << event_;
            had_[a.ticket].insert(*a.route.endpoint);
            const auto& view = core_.endpoint(*a.route.endpoint);
            counts["trial"] += view.breaker == Breaker::half_open ? 1 : 0;
            counts["chosen among several"] += a.route.reason.starts_with("endpoint of") ? 1 : 0;
        } else {
            EXPECT_TRUE(spec.has_local) << event_;
            EXPECT_EQ(processes_[a.route.model], Process::serving) << event_;
            EXPECT_FALSE(stop_asked_[a.route.model]) << event_;
            if (a.route.model == eyes && brings_media_.contains(a.ticket)) {
                ++counts["media"];
                EXPECT_FALSE(core_.local(eyes).reduction.text_only) << event_ << " gives a picture to the blind";
            }
        }
        asked_.erase(asked);
        granted_.emplace(a.ticket, a.route);
    }
    void on(const Refuse& a) {
        ++counts["refuse " + std::string(sarai::name_of(a.error.code))];
        EXPECT_EQ(asked_.erase(a.ticket), 1u) << event_ << " answers ticket " << a.ticket << " that did not ask";
        EXPECT_FALSE(a.error.message.empty()) << event_;
    }

    bool busy() const {
        return std::ranges::contains(measuring_, true) || std::ranges::contains(measuring_form_, true) ||
               std::ranges::contains(stop_asked_, true) || std::ranges::contains(processes_, Process::starting);
    }

    bool an_endpoint_is_waited_for(ModelIndex model) const {
        return std::ranges::any_of(core_.models()[model].endpoints, [&](EndpointIndex endpoint) {
            const auto& view = core_.endpoint(endpoint);
            // The next tick looks again.
            return view.leases > 0 || view.resting_until > now_ - 1s || (!view.up && view.woken_first > ticked_ - 90s);
        });
    }
    LocalState expected_state(ModelIndex model) const {
        if (stop_asked_[model]) return LocalState::stopping;
        if (processes_[model] == Process::starting) return LocalState::loading;
        if (processes_[model] == Process::serving) return LocalState::ready;
        return measuring_[model] ? LocalState::measuring : LocalState::absent;
    }

    void check() {
        Bytes sum;
        int generative = 0;
        for (ModelIndex model = 0; model < core_.models().size(); ++model) {
            const auto& local = core_.local(model);
            sum += local.reserved;
            const bool exists = processes_[model] != Process::none;
            EXPECT_EQ(local.reserved > Bytes{}, exists) << core_.models()[model].name << " after " << event_;
            generative += exists && core_.models()[model].generative ? 1 : 0;
            const auto leases = std::ranges::count_if(
                granted_, [&](const auto& entry) { return entry.second.model == model && !entry.second.endpoint; });
            EXPECT_EQ(local.leases, leases) << core_.models()[model].name << " after " << event_;
            const auto running = std::ranges::count_if(granted_, [&](const auto& entry) {
                return entry.second.model == model && !entry.second.endpoint && !finished_.contains(entry.first);
            });
            EXPECT_EQ(local.running, running) << core_.models()[model].name << " after " << event_;
            const auto slots = core_.models()[model].slots;
            EXPECT_TRUE(slots == 0 || running <= slots) << core_.models()[model].name << " after " << event_;
        }
        EXPECT_EQ(core_.reserved(), sum + core_.aside() + core_.kept());
        EXPECT_LE(core_.reserved(), core_.rules().budget) << "after " << event_;
        EXPECT_LE(generative, core_.rules().max_concurrent_llms) << "after " << event_;
        for (EndpointIndex endpoint = 0; endpoint < core_.endpoints().size(); ++endpoint) {
            const auto running = std::ranges::count_if(granted_, [&](const auto& entry) {
                return entry.second.endpoint == endpoint && !finished_.contains(entry.first);
            });
            const auto& view = core_.endpoint(endpoint);
            EXPECT_EQ(view.leases, running) << "after " << event_;
            const auto capacity = core_.endpoints()[endpoint].capacity;
            EXPECT_TRUE(capacity == 0 || running <= capacity) << "after " << event_;
        }
        EXPECT_EQ(core_.tickets(), asked_.size() + granted_.size()) << "after " << event_;

        // Whoever waits, waits for something that the driver or a lease's holder will report.
        for (const auto& [ticket, model] : asked_) {
            const bool by_stand_in = model == cluster;
            const auto state = core_.local(by_stand_in ? code : model).state;
            const bool paused = core_.local(by_stand_in ? code : model).not_before > ticked_;
            EXPECT_TRUE(state != LocalState::absent || an_endpoint_is_waited_for(model) || paused)
                << "ticket " << ticket << " waits for nobody after " << event_;
        }
        for (ModelIndex model = 0; model < core_.models().size(); ++model)
            counts["paused"] += core_.local(model).not_before > now_ ? 1 : 0;
        bool coming = core_.aside() > Bytes{};
        for (ModelIndex model = 0; model < core_.models().size(); ++model) {
            const auto& local = core_.local(model);
            coming |= stop_asked_[model] || processes_[model] == Process::starting || local.draining;
            // An idle worker has no reason to drain: it goes at once.
            EXPECT_TRUE(!local.draining || local.leases > 0 || processes_[model] == Process::starting)
                << core_.models()[model].name << " after " << event_;
        }
        for (ModelIndex model = 0; model < core_.models().size(); ++model) {
            const auto state = core_.local(model).state;
            if (state != LocalState::queued) {
                EXPECT_EQ(state, expected_state(model)) << core_.models()[model].name << " after " << event_;
                continue;
            }
            EXPECT_EQ(expected_state(model), LocalState::absent) << core_.models()[model].name << " after " << event_;
            EXPECT_TRUE(coming) << core_.models()[model].name << " waits for memory that nobody gives back after "
                                << event_;
            ++counts["waits for memory"];
        }
        // Nobody waits for an endpoint that is free: of a model that has nothing else, and did not ask it yet.
        for (const auto& [ticket, model] : asked_) {
            if (model != cloud) continue;
            for (const auto endpoint : core_.models()[cloud].endpoints) {
                const auto& view = core_.endpoint(endpoint);
                const auto capacity = core_.endpoints()[endpoint].capacity;
                const bool free = view.breaker == Breaker::closed && !view.far && view.resting_until < now_ - 1s &&
                                  (capacity == 0 || view.leases < capacity);
                EXPECT_FALSE(free && !had_[ticket].contains(endpoint)) << "ticket " << ticket << " after " << event_;
            }
        }
        // Nobody waits beside an open door.
        for (const auto& [ticket, model] : asked_) {
            const auto& local = core_.local(model);
            if (local.state != LocalState::ready || local.draining || an_endpoint_is_waited_for(model)) continue;
            if (local.changing_form) {
                EXPECT_GT(local.leases, 0) << "ticket " << ticket << " waits for another form after " << event_;
                continue;
            }
            if (local.reduction.text_only && brings_media_.contains(ticket)) {
                EXPECT_TRUE(measuring_form_[model]) << "ticket " << ticket << " after " << event_;
                continue;
            }
            const auto slots = core_.models()[model].slots;
            if (slots > 0 && local.running >= slots) continue;
            EXPECT_TRUE(in_reap_wait_.contains(ticket)) << "ticket " << ticket << " after " << event_;
        }
    }

    std::mt19937_64 random_;
    PoolCore core_;
    Clock::time_point now_ = Clock::time_point{} + 1h;
    Clock::time_point ticked_ = now_;
    ModelIndex big_ = big;
    std::string event_ = "start";
    Ticket next_ticket_ = 0;
    std::map<Ticket, ModelIndex> asked_;  // and not answered yet
    std::map<Ticket, ModelIndex> originals_;
    std::map<Ticket, Route> granted_;
    std::map<Ticket, std::set<EndpointIndex>> had_;
    std::set<Ticket> finished_;            // of the granted ones
    std::map<Ticket, bool> in_reap_wait_;  // may wait although the worker is ready: it is believed to be dying
    std::vector<bool> measuring_form_;
    std::set<Ticket> brings_media_;
    std::vector<bool> measuring_, stop_asked_, drain_asked_, probing_;
    std::vector<Bytes> aside_;
    std::vector<Process> processes_;
};

class PoolCoreProperty : public ::testing::TestWithParam<Policy> {};

TEST_P(PoolCoreProperty, InvariantsHoldInRandomHistories) {
    constexpr int histories = 340;  // of all three policies together more than a million events
    constexpr int events = 1000;
    const char* chosen = std::getenv("SARAI_POOL_SEED");
    std::map<std::string, int> seen;
    for (int history = 0; history < (chosen ? 1 : histories); ++history) {
        const std::uint64_t seed = chosen ? std::strtoull(chosen, nullptr, 10) : 1 + history;
        SCOPED_TRACE(fmt::format("SARAI_POOL_SEED={}", seed));
        Driver driver(seed, GetParam());
        for (int event = 0; event < events && !HasFailure(); ++event) {
            driver.step();
            if (HasFailure()) ADD_FAILURE() << "at event " << event;
        }
        if (!HasFailure()) driver.settle();
        if (HasFailure()) return;
        for (const auto& [what, count] : driver.counts) seen[what] += count;
    }
    if (chosen) return;
    for (const char* what : {"measure",
                             "spawn",
                             "stop",
                             "probe",
                             "grant remote",
                             "grant local",
                             "refuse no_memory",
                             "refuse corrupt_file",
                             "refuse unavailable",
                             "refuse busy",
                             "trial",
                             "chosen among several",
                             "waits for memory",
                             "set aside",
                             "displaced",
                             "stands in",
                             "measure form",
                             "media",
                             "unload",
                             "unload refused",
                             "drain",
                             "borrow",
                             "borrow refused",
                             "wake",
                             "paused",
                             "keep",
                             "reload"})
        EXPECT_GE(seen[what], histories / 6) << what << " is too rare for these histories to say much about it";
}

INSTANTIATE_TEST_SUITE_P(Policies, PoolCoreProperty,
                         ::testing::Values(Policy::never_unload, Policy::lru, Policy::priority),
                         [](const auto& policy) {
                             return policy.param == Policy::lru        ? "Lru"
                                    : policy.param == Policy::priority ? "Priority"
                                                                       : "NeverUnload";
                         });

}  // namespace
}  // namespace sarai::pool::pool_core_property_test
