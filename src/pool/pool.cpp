#include "pool/pool.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <deque>

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>

#include "memory/learned_text.hpp"
#include "net/quiet.hpp"
#include "net/task_group.hpp"
#include "pool/load_record.hpp"
#include "pool/memory_watch.hpp"
#include "pool/turn_taking.hpp"

namespace sarai::pool {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {
constexpr auto tick_interval = 250ms;
// For a worker that is ended to save the machine: its requests are lost anyway.
constexpr auto emergency_grace = 500ms;
// A model that was ended for its excess comes back by itself, but not over and over.
constexpr auto reload_interval = 5min;
}  // namespace

struct Lease::Shared : std::enable_shared_from_this<Lease::Shared> {
    Shared(const asio::any_io_executor& on, PoolCore made, Ports given, WatchRules rules)
        : executor(on),
          core(std::move(made)),
          ports(std::move(given)),
          locals(core.models().size()),
          watch(std::move(rules), names_of(core.models())),
          turns(on, core.models().size(), core.rules().cores),
          tasks(on) {}
    static std::vector<std::string> names_of(const std::vector<ModelSpec>& models) {
        std::vector<std::string> names;
        for (const auto& model : models) names.push_back(model.name);
        return names;
    }

    // A coroutine that waits for its ticket's answer.
    struct Waiter {
        explicit Waiter(const asio::any_io_executor& executor)
            : arrived(executor, asio::steady_timer::time_point::max()) {}
        asio::steady_timer arrived;  // cancelled when `answer` is set
        std::optional<Result<Route>> answer;
    };
    struct Local {
        std::shared_ptr<LocalWorker> worker;
        std::optional<memory::ModelPlan> plan;
        LoadRecord record;
        std::string files;    // stamp of those that the last load was to read
        bool reload = false;  // the watch ended it, and it is to come back once loads are admitted
        std::optional<Clock::time_point> ended_for_excess;
        Clock::time_point started;
        std::chrono::milliseconds load_time{};
        bool stands_by = false;  // somebody's answer is read ahead
    };

    asio::any_io_executor executor;
    PoolCore core;
    Ports ports;
    std::deque<Local> locals;  // references to them stay valid when one is added
    std::map<Ticket, std::shared_ptr<Waiter>> waiters;
    Ticket last_ticket = 0;
    MemoryWatch watch;
    TurnTaking turns;
    asio::steady_timer look_now{executor};  // cancelled to look before the next interval
    bool shutting_down = false;
    // An idle llama-server ends within 0.2 s of SIGTERM; one in the middle of a prompt batch needs the batch first.
    std::chrono::milliseconds stop_grace = 3s;
    net::TaskGroup tasks;

    [[nodiscard]] const std::string& name(ModelIndex model) const { return core.models()[model].name; }

    // Performs what the core decided. A task runs to its first wait inside this call, so an action that fails at once
    // reports to the core before the actions behind it are performed; each event leaves the core consistent.
    void perform(Actions actions) {
        for (auto& action : actions) std::visit([this](auto& one) { perform_one(one); }, action);
        update_turns();
    }
    // Whoever holds a lease on a worker makes it compute.
    void update_turns() {
        for (ModelIndex i = 0; i < locals.size(); ++i)
            turns.set_busy(
                i, core.local(i).state == LocalState::ready && core.local(i).leases > 0 ? locals[i].worker : nullptr);
    }
    void perform_one(const Measure& action) { tasks.spawn("measure", measure(action.model, action.reduction)); }
    void perform_one(const MeasureForm& action) { tasks.spawn("measure", measure_form(action.model)); }
    void perform_one(const Spawn& action) { tasks.spawn("worker", run_worker(action.model, action.reduction)); }
    void perform_one(const Probe& action) { tasks.spawn("probe", probe(action.endpoint)); }
    void perform_one(const Stop& action) {
        if (const auto& worker = locals[action.model].worker) tasks.spawn("stop", stop_worker(worker));
    }
    void perform_one(const Wake& action) {
        spdlog::info("endpoint {} is down and wanted: waking it", core.endpoints()[action.endpoint].name);
        try {
            if (ports.wake) ports.wake(action.endpoint);
        } catch (const std::exception& error) { spdlog::warn("no packet could be sent: {}", error.what()); }
    }
    void perform_one(Grant& action) { answer(action.ticket, std::move(action.route)); }
    void perform_one(Refuse& action) {
        spdlog::warn("refused: {}", describe(action.error));
        answer(action.ticket, std::unexpected(std::move(action.error)));
    }
    void answer(Ticket ticket, Result<Route> result) {
        const auto found = waiters.find(ticket);
        if (found == waiters.end()) return;
        found->second->answer = std::move(result);
        found->second->arrived.cancel();
    }

    asio::awaitable<void> measure(ModelIndex model, Reduction reduction) {
        const auto self = shared_from_this();
        if (ports.file_stamp) locals[model].files = ports.file_stamp(model);
        // Whatever happens, the core hears of it: a model that nobody reports on would wait for ever.
        Result<Measured> plan = fail(Code::internal, "measuring ended by an unexpected error");
        try {
            plan = co_await ports.measure(model, reduction);
        } catch (const std::exception& error) { plan.error().message += fmt::format(": {}", error.what()); }
        if (shutting_down) plan = fail(Code::unavailable, "sarai is shutting down");
        if (plan) locals[model].plan = plan->plan;
        auto actions = core.measured(model, plan.transform([](const Measured& found) { return found.needs; }));
        if (core.local(model).state == LocalState::absent && core.local(model).last_error)
            spdlog::warn("model '{}' is not loaded: {}", name(model), describe(*core.local(model).last_error));
        perform(std::move(actions));
    }

    asio::awaitable<void> measure_form(ModelIndex model) {
        const auto self = shared_from_this();
        Result<Measured> plan = fail(Code::internal, "measuring ended by an unexpected error");
        try {
            plan = co_await ports.measure(model, core.form_for(model, true));
        } catch (const std::exception& error) { plan.error().message += fmt::format(": {}", error.what()); }
        perform(core.measured_form(model, plan.transform([](const Measured& found) { return found.needs; })));
    }

    asio::awaitable<void> run_worker(ModelIndex model, Reduction reduction) {
        const auto self = shared_from_this();
        auto& local = locals[model];
        local.started = Clock::now();
        local.reload = false;
        local.record = LoadRecord(local.plan.value_or(memory::ModelPlan{}));
        spdlog::info("loading model '{}', {} reserved{}{}", name(model), to_string(core.local(model).reserved),
                     reduction.any() ? ", smaller than configured: " : "", describe(reduction));
        Result<std::shared_ptr<LocalWorker>> worker = fail(Code::unavailable, "sarai is shutting down");
        try {
            if (!shutting_down) worker = ports.spawn(model, reduction, core.local(model).reserved);
        } catch (const std::exception& error) { worker = fail(Code::internal, error.what()); }
        if (!worker) {
            perform(core.worker_gone(model, worker.error()));
            co_return;
        }
        local.worker = *worker;
        auto ready = co_await local.worker->ready();
        if (ready) {
            local.load_time = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - local.started);
            spdlog::info("model '{}' is ready after {} ms (pid {})", name(model), local.load_time.count(),
                         local.worker->pid());
            local.record.ready(local.load_time);
            look_now.cancel();  // a worker that is used for less than a sampling interval is to be seen as well
            perform(core.worker_ready(model, local.load_time));
        }
        auto why = co_await local.worker->gone();
        if (!ready) why = ready.error();
        const bool expected = core.local(model).state == LocalState::stopping || shutting_down;
        if (!expected)
            spdlog::error("{}", describe(why));
        else
            spdlog::info("model '{}' is unloaded", name(model));
        local.worker.reset();
        turns.set_busy(model, nullptr);
        watch.forget(model);
        report(model, local.record.rest());
        perform(core.worker_gone(model, why));
    }

    void note_sample(ModelIndex model, Bytes pss) {
        auto& record = locals[model].record;
        record.sampled(pss);
        if (record.newly_over_plan())
            spdlog::warn("model '{}' takes {}, {} more than planned ({})", name(model), to_string(pss),
                         to_string(record.over_plan()), memory::error_note(*locals[model].plan));
        report(model, record.due(Clock::now()));
    }
    void report(ModelIndex model, const std::optional<memory::Observation>& observation) {
        auto& plan = locals[model].plan;
        if (!observation || !plan) return;
        plan->learned = memory::with(plan->learned.value_or(memory::Learned{}), *observation);
        if (ports.observed) ports.observed(model, *observation);
    }

    asio::awaitable<void> stop_worker(std::shared_ptr<LocalWorker> worker) { co_await worker->stop(stop_grace); }

    asio::awaitable<void> probe(EndpointIndex endpoint) {
        const auto self = shared_from_this();
        const auto asked = Clock::now();
        // An endpoint whose probe threw must not count as being probed for ever.
        Result<ProbeReport> outcome = fail(Code::internal, "the probe failed unexpectedly");
        try {
            outcome = co_await ports.probe(endpoint);
        } catch (const boost::system::system_error& error) {
            if (error.code() == asio::error::operation_aborted) throw;
            outcome = fail(Code::internal, error.what());
        } catch (const std::exception& error) { outcome = fail(Code::internal, error.what()); }
        const bool was_up = core.endpoint(endpoint).up;
        perform(core.probed(Clock::now(), endpoint, outcome));
        const auto& view = core.endpoint(endpoint);
        const auto& name = core.endpoints()[endpoint].name;
        if (view.up != was_up)
            spdlog::log(view.up ? spdlog::level::info : spdlog::level::warn, "endpoint {} {}", name,
                        view.up ? "answers again" : "is down: " + describe(*view.last_error));
        // One that answers, and be it with an error, does not hang.
        if (!outcome && outcome.error().code == Code::timeout && !view.up && ports.give_up)
            ports.give_up(endpoint, asked,
                          {.code = Code::unavailable,
                           .message = fmt::format("{} answers nothing any more, nor does it answer probes: {}", name,
                                                  outcome.error().message)});
    }

    // This and the memory watch run as long as the pool: they outlive a bug or a moment without memory.
    asio::awaitable<void> tick() {
        const auto self = shared_from_this();
        asio::steady_timer timer(executor);
        for (unsigned ticks = 0;; ++ticks) {
            try {
                perform(core.tick(Clock::now()));
                // A lower one holds from when workers have gone.
                watch.set_budget(core.rules().budget);
                if (ticks % 4 == 0) look_at_bad_files();
            } catch (const std::exception& error) { spdlog::error("the pool's tick failed: {}", error.what()); }
            timer.expires_after(tick_interval);
            co_await timer.async_wait(asio::use_awaitable);
        }
    }

    void look_at_bad_files() {
        if (!ports.file_stamp) return;
        for (ModelIndex i = 0; i < locals.size(); ++i) {
            const auto& local = core.local(i);
            if (!local.quarantined && !local.media_quarantined) continue;
            if (ports.file_stamp(i) == locals[i].files) continue;
            spdlog::info("model '{}' leaves quarantine: its file has changed", name(i));
            perform(core.lift_quarantine(i));
        }
    }

    [[nodiscard]] bool has_lost_file(ModelIndex model) const {
        return ports.file_stamp && core.models()[model].has_local &&
               ports.file_stamp(model).starts_with(stamp_of_no_file);
    }

    asio::awaitable<void> take_turns() {
        const auto self = shared_from_this();
        co_await turns.run();
    }

    asio::awaitable<void> watch_memory() {
        const auto self = shared_from_this();
        for (;;) {
            bool loading = false;
            try {
                loading = co_await watch_once();
            } catch (const boost::system::system_error& error) {
                if (error.code() == asio::error::operation_aborted) throw;
                spdlog::error("the memory watch failed: {}", error.what());
            } catch (const std::exception& error) { spdlog::error("the memory watch failed: {}", error.what()); }
            look_now.expires_after(watch.pause(loading));
            co_await look_now.async_wait(net::quiet);
            const auto state = co_await asio::this_coro::cancellation_state;
            if (state.cancelled() != asio::cancellation_type::none) co_return;
        }
    }
    // Is a worker loading?
    asio::awaitable<bool> watch_once() {
        for (const auto& step : co_await watch.look(watched())) perform_step(step);
        bool loading = false;
        for (ModelIndex i = 0; i < locals.size(); ++i) {
            // It went while it was read.
            if (!locals[i].worker || locals[i].worker->pid() != watch.model(i).pid)
                watch.forget(i);
            else
                note_sample(i, watch.model(i).measured.pss);
            loading = loading || core.local(i).state == LocalState::loading;
        }
        reload_ended();
        co_return loading;
    }
    [[nodiscard]] std::vector<Watched> watched() const {
        std::vector<Watched> all;
        for (ModelIndex i = 0; i < locals.size(); ++i) {
            if (!locals[i].worker) continue;
            const auto& view = core.local(i);
            Bytes prompt_cache;
            if (locals[i].plan)
                for (const auto& line : locals[i].plan->lines)
                    if (line.what == "prompt_cache") prompt_cache += line.bytes;
            all.push_back({.model = i,
                           .pid = locals[i].worker->pid(),
                           .planned = view.reserved,
                           .prompt_cache = prompt_cache,
                           .state = view.state,
                           .busy = view.leases > view.ahead});
        }
        return all;
    }
    // The watch decided on what it saw a moment ago: a worker that has become busy meanwhile is left to its next look.
    void perform_step(const MemoryWatch::Step& step) {
        using enum memory::GuardStep;
        if (step.step == close_admission) {
            perform(core.set_admission(
                false, fmt::format("{} (loads are admitted again when there was enough for 5 s)", step.why)));
        } else if (step.step == open_admission) {
            perform(core.set_admission(true, {}));
        }
        if (!step.model || step.step == report) return;
        auto& local = locals[*step.model];
        const auto worker = local.worker;
        if (!worker || worker->pid() != watch.model(*step.model).pid) return;
        const auto& view = core.local(*step.model);
        if (step.step != restart && view.leases > view.ahead) return;
        const auto now = Clock::now();
        local.reload =
            step.step == drop_cache ||
            (step.step == restart && (!local.ended_for_excess || now - *local.ended_for_excess > reload_interval));
        perform(core.stop(*step.model));
        if (step.step != restart) return;
        local.ended_for_excess = now;
        local.record.ended_for_excess();
        const auto end = [](std::shared_ptr<LocalWorker> one) -> asio::awaitable<void> {
            co_await one->stop(emergency_grace);
        };
        tasks.spawn("end", end(worker));
    }
    void reload_ended() {
        if (!watch.guard().admission_open() || shutting_down) return;
        for (ModelIndex i = 0; i < locals.size(); ++i)
            if (locals[i].reload && core.local(i).state == LocalState::absent) {
                locals[i].reload = false;
                perform(core.preload(i));
            }
    }

    // Asks the core by `event` and waits for the answer; releases the ticket if the caller is cancelled meanwhile.
    template <class Event>
    asio::awaitable<Result<Route>> wait_for_answer(Ticket ticket, Event event, const Beat* beat) {
        const auto self = shared_from_this();
        const auto waiter = std::make_shared<Waiter>(executor);
        waiters[ticket] = waiter;
        struct Forget {
            Shared& pool;
            Ticket ticket;
            ~Forget() { pool.waiters.erase(ticket); }
        } const forget{*this, ticket};
        perform(event());
        for (;;) {
            while (!waiter->answer) {
                if (beat != nullptr && beat->every.count() > 0) waiter->arrived.expires_after(beat->every);
                co_await waiter->arrived.async_wait(net::quiet);
                const auto state = co_await asio::this_coro::cancellation_state;
                if (state.cancelled() != asio::cancellation_type::none)
                    throw boost::system::system_error(asio::error::operation_aborted);
                if (waiter->answer || beat == nullptr) continue;
                if (co_await beat->send()) continue;
                perform(core.release(Clock::now(), ticket));
                co_return fail(Code::cancelled, "the client has left");
            }
            const auto& answer = *waiter->answer;
            if (!answer || answer->endpoint || locals[answer->model].worker) co_return std::move(*waiter->answer);
            // The worker died between the grant and now.
            waiter->answer.reset();
            perform(core.attempt_failed(Clock::now(), ticket,
                                        Error{.code = Code::unavailable, .message = "the worker has died"}));
        }
    }

    [[nodiscard]] Error not_granted(PoolCore::Aside outcome, Bytes bytes, std::string_view what) const {
        auto error = core.no_room_for(bytes, what);
        if (outcome == PoolCore::Aside::later) error.code = Code::busy;
        return error;
    }

    void adopt(Lease& lease, Route route) {
        lease.backend_ =
            route.endpoint ? ports.remote(route.model, *route.endpoint) : locals[route.model].worker->backend();
        lease.route_ = std::move(route);
        lease.pauses_ = turns.pauses(lease.route_.model);
    }
};

Lease::Lease(Lease&& other) noexcept
    : pool_(std::move(other.pool_)),
      ticket_(std::exchange(other.ticket_, 0)),
      route_(std::move(other.route_)),
      pauses_(other.pauses_),
      backend_(std::move(other.backend_)) {}

Lease& Lease::operator=(Lease&& other) noexcept {
    std::swap(pool_, other.pool_);
    std::swap(ticket_, other.ticket_);
    std::swap(route_, other.route_);
    std::swap(pauses_, other.pauses_);
    std::swap(backend_, other.backend_);
    return *this;
}

Lease::~Lease() {
    if (pool_ && ticket_ != 0) pool_->perform(pool_->core.release(Clock::now(), ticket_));
}

asio::awaitable<Result<void>> Lease::next(Error failure, bool in_the_middle, const Beat* beat) {
    const auto pool = pool_;
    const auto model = route_.model;
    // What the client asked wrongly is no trouble of the server's; the access log has its status.
    spdlog::log(is_requests_fault(failure.code) ? spdlog::level::debug : spdlog::level::warn,
                "model '{}': {} failed {}: {}", pool->name(model),
                route_.endpoint ? pool->core.endpoints()[*route_.endpoint].name : "the local worker",
                in_the_middle ? "in the middle of an answer" : "before the first token", describe(failure));
    backend_.reset();
    auto route = co_await pool->wait_for_answer(
        ticket_, [&] { return pool->core.attempt_failed(Clock::now(), ticket_, failure); }, beat);
    if (!route) {
        ticket_ = 0;  // refused: the core has forgotten it
        co_return std::unexpected(route.error());
    }
    if (!route->endpoint) spdlog::warn("model '{}': {}", pool->name(model), route->reason);
    pool->adopt(*this, std::move(*route));
    co_return Result<void>{};
}

bool Lease::could_move(bool to_worker, bool to_other_model) const {
    return pool_->core.could_move(ticket_, to_worker, to_other_model);
}

void Lease::broke_off(const Error& failure) {
    if (!route_.endpoint) return;
    spdlog::warn("model '{}': {} broke off in the middle: {}", pool_->name(route_.model),
                 pool_->core.endpoints()[*route_.endpoint].name, describe(failure));
    pool_->perform(pool_->core.endpoint_failed(Clock::now(), *route_.endpoint, failure, ticket_));
}

void Lease::answered(PoolCore::Came what) { pool_->perform(pool_->core.answered(Clock::now(), ticket_, what)); }

void Lease::overtaken(std::chrono::milliseconds usual) {
    pool_->perform(pool_->core.overtaken(Clock::now(), ticket_, usual));
}

void Lease::served(const std::optional<llm::Rates>& rates) {
    pool_->perform(pool_->core.finished(Clock::now(), ticket_));
    // A worker that died and came back since the lease was granted gets the credit: it runs by the same plan.
    if (route_.endpoint) return;
    const bool was_paused = pool_->turns.pauses(route_.model) != pauses_;
    pool_->locals[route_.model].record.served(was_paused ? std::nullopt : rates);
}

Pool::Pool(asio::any_io_executor executor, Rules rules, std::vector<ModelSpec> models,
           std::vector<EndpointSpec> endpoints, Ports ports, WatchRules watch)
    : shared_(std::make_shared<Lease::Shared>(executor, PoolCore(rules, std::move(models), std::move(endpoints)),
                                              std::move(ports), std::move(watch))) {}
Pool::~Pool() = default;

void Pool::start(const std::vector<ModelIndex>& preload) {
    shared_->tasks.spawn("pool tick", shared_->tick());
    shared_->tasks.spawn("turns", shared_->take_turns());
    shared_->tasks.spawn("memory watch", shared_->watch_memory());
    for (const auto model : preload) shared_->perform(shared_->core.preload(model));
}

asio::awaitable<Result<Lease>> Pool::acquire(ModelIndex model, Ask ask, const Beat* beat) {
    const auto shared = shared_;
    if (shared->shutting_down) co_return fail(Code::unavailable, "sarai is shutting down");
    // Who has just mended a file does not wait for the tick.
    shared->look_at_bad_files();
    Lease lease(shared, ++shared->last_ticket);  // from here on, going away releases the ticket
    auto route = co_await shared->wait_for_answer(
        lease.ticket_, [&] { return shared->core.acquire(Clock::now(), lease.ticket_, model, std::move(ask)); }, beat);
    if (!route) {
        lease.ticket_ = 0;
        // That all places are taken is no news of a file that is not there.
        if (route.error().code == Code::busy && shared->has_lost_file(model))
            if (auto found = co_await shared->ports.measure(model, {}); !found) route = std::unexpected(found.error());
        co_return std::unexpected(route.error());
    }
    if (route->fallback && !route->endpoint) spdlog::warn("model '{}': {}", shared->name(model), route->reason);
    shared->adopt(lease, std::move(*route));
    co_return lease;
}

std::optional<Lease> Pool::borrow(ModelIndex model, bool alone, std::string reason, const Lease* beside) {
    if (shared_->shutting_down) return std::nullopt;
    Lease lease(shared_, ++shared_->last_ticket);
    auto actions = shared_->core.borrow(Clock::now(), lease.ticket_, model, alone,
                                        beside == nullptr ? std::nullopt : std::optional(beside->ticket_));
    auto* grant = std::get_if<Grant>(&actions.front());
    if (grant == nullptr || !shared_->locals[model].worker) {
        if (grant == nullptr) lease.ticket_ = 0;
        return std::nullopt;
    }
    grant->route.reason = std::move(reason);
    shared_->update_turns();
    shared_->adopt(lease, std::move(grant->route));
    return lease;
}

std::shared_ptr<void> Pool::stand_by(ModelIndex model) {
    auto& stands_by = shared_->locals[model].stands_by;
    if (std::exchange(stands_by, true)) return nullptr;
    return {shared_.get(), [keep = shared_, model](void*) { keep->locals[model].stands_by = false; }};
}

Pool::Prefetched Pool::prefetch(ModelIndex model, bool media) {
    if (shared_->shutting_down) return {.begun = false, .why = "sarai is shutting down"};
    auto result = shared_->core.prefetch(Clock::now(), model, media);
    shared_->perform(std::move(result.actions));
    return {.begun = result.begun, .why = std::move(result.why)};
}

asio::awaitable<Result<Proof>> Pool::prove(std::vector<PoolCore::Participant> models, Bytes brought) {
    const auto self = shared_;
    for (const auto one : models) {
        if (self->core.knows_needs(one) || !self->core.needs_worker(Clock::now(), one.model)) continue;
        auto measured = co_await self->ports.measure(one.model, self->core.form_for(one.model, one.media));
        if (!measured) co_return std::unexpected(std::move(measured.error()));
        self->core.note_needs(one.model, measured->needs, one.media);
    }
    co_return self->core.prove(Clock::now(), models, brought);
}

Result<std::shared_ptr<void>> Pool::set_aside(Bytes bytes, std::string_view what) {
    Actions actions;
    const auto granted = shared_->core.set_aside(bytes, actions);
    shared_->perform(std::move(actions));
    if (granted == PoolCore::Aside::granted)
        return std::shared_ptr<void>(shared_.get(),
                                     [pool = shared_, bytes](void*) { pool->perform(pool->core.give_back(bytes)); });
    return std::unexpected(shared_->not_granted(granted, bytes, what));
}

Result<void> Pool::keep(Bytes total, std::string_view what) {
    Actions actions;
    const auto more = total - shared_->core.kept();
    const auto granted = shared_->core.keep(total, actions);
    shared_->perform(std::move(actions));
    if (granted == PoolCore::Aside::granted) return {};
    return std::unexpected(shared_->not_granted(granted, more, what));
}

void Pool::lift_quarantine(ModelIndex model) { shared_->perform(shared_->core.lift_quarantine(model)); }

Result<void> Pool::unload(ModelIndex model) {
    auto actions = shared_->core.unload(model);
    if (!actions) return std::unexpected(actions.error());
    shared_->perform(std::move(*actions));
    return {};
}

void Pool::drain(ModelIndex model, bool goes) { shared_->perform(shared_->core.drain(model, goes)); }

void Pool::apply(const Change& change) {
    auto& pool = *shared_;
    // Endpoints first, models that are named by others before those that name them: a spec refers only to what exists.
    for (auto i = pool.core.endpoints().size(); i < change.endpoints.size(); ++i)
        pool.core.add_endpoint(change.endpoints[i]);
    for (auto i = pool.core.models().size(); i < change.models.size(); ++i) {
        pool.core.add_model({.name = change.models[i].name});
        pool.locals.emplace_back();
        pool.turns.add_model();
        pool.watch.add_model(change.models[i].name, change.models[i].pinned);
    }
    std::vector<ModelIndex> gone;
    for (ModelIndex i = 0; i < change.models.size(); ++i) {
        if (change.models[i].retired && !pool.core.models()[i].retired) gone.push_back(i);
        auto spec = change.models[i];
        spec.retired = spec.retired && pool.core.models()[i].retired;  // it may have come back
        pool.core.set_spec(i, std::move(spec));
    }
    std::vector<bool> named(pool.core.endpoints().size());
    for (const auto& model : change.models)
        if (!model.retired)
            for (const auto endpoint : model.endpoints) named[endpoint] = true;
    for (EndpointIndex i = 0; i < named.size(); ++i) pool.core.set_endpoint_retired(i, !named[i]);
    // First what goes, so that nothing else has to.
    for (const auto model : gone) pool.perform(pool.core.retire(Clock::now(), model));
    pool.perform(pool.core.set_rules(change.max_concurrent_llms, change.policy));
    pool.perform(pool.core.set_budget(change.budget));
    pool.watch.set_budget(pool.core.rules().budget);
    for (const auto model : change.preload) pool.perform(pool.core.preload(model));
}

asio::awaitable<void> Pool::shutdown(std::chrono::milliseconds grace) {
    const auto shared = shared_;
    shared->stop_grace = grace;
    shared->shutting_down = true;
    // Workers answer SIGTERM or are killed after their grace; what is left then are the endless loops.
    for (const auto end = Clock::now() + grace + 10s; Clock::now() < end;) {
        bool any = false;
        for (ModelIndex i = 0; i < shared->locals.size(); ++i) {
            shared->perform(shared->core.stop(i));
            any = any || shared->core.local(i).state != LocalState::absent;
        }
        if (!any) break;
        asio::steady_timer moment(shared->executor, 5ms);
        co_await moment.async_wait(asio::use_awaitable);
    }
    shared->tasks.cancel_all();
    (void)co_await shared->tasks.join(1s);
}

const PoolCore& Pool::core() const { return shared_->core; }
const MemoryWatch& Pool::memory() const { return shared_->watch; }

LocalStatus Pool::local(ModelIndex model) const {
    const auto& view = shared_->core.local(model);
    const auto& local = shared_->locals[model];
    const auto& seen = shared_->watch.model(model);
    LocalStatus status{.state = view.state,
                       .pid = local.worker ? local.worker->pid() : 0,
                       .planned = view.reserved,
                       .plan = local.plan,
                       .measured = seen.measured,
                       .peak = seen.peak,
                       .over_plan = std::max(seen.over_plan, local.record.over_plan()),
                       .leases = view.leases - view.ahead,
                       .load_time = local.load_time,
                       .last_error = view.last_error,
                       .reduction = view.state == LocalState::absent ? Reduction{} : view.reduction,
                       .waiting = shared_->core.waiting(model),
                       .draining = view.draining,
                       .quarantined = view.quarantined};
    if (view.state == LocalState::loading && view.reserved.count > 0)
        status.load_progress =
            std::min(0.99, static_cast<double>(seen.measured.pss.count) / static_cast<double>(view.reserved.count));
    return status;
}

}  // namespace sarai::pool
