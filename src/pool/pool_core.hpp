// The pool's decisions, without I/O: events come in, actions go out, so that every race is a plain unit test.
//
// Who may be loaded, who waits, who is refused, and which backend of a model's chain answers a ticket. The driver
// (pool/pool.hpp) owns one PoolCore on the io thread, performs its actions and posts what came of them back as events.
//
// Always holds:
//  - the sum of reservations never exceeds the budget, loads in flight included;
//  - a reservation is made before its worker is spawned and released only after that process was reaped;
//  - every ticket is answered by exactly one Grant or Refuse per acquire() or attempt_failed(), unless released first;
//  - a model has at most one worker; a second ticket for a loading model joins the load;
//  - what a stopping worker will give back is promised once: whoever waits for it gets it, in order of arrival;
//  - a worker with a lease is never stopped to make room. Where it has to go, it takes no further tickets ("draining"),
//    so that the one who waits for its memory cannot starve; those tickets wait until it was loaded again;
//  - neither a worker nor an endpoint has more requests at once than it was said to serve. Tickets wait for their turn:
//    the more urgent class first, then the client that was served longest ago, then the order of arrival, so that one
//    who sends fifty requests keeps one who sends one waiting for a single answer (pool_queue.cpp).
//
// A local worker's life:
//
//     absent ──► measuring ──► (queued ──►) loading ──► ready
//       ▲           │             │            │          │
//       │◄──────────┴─────────────┘ (refused,  ▼          ▼ stop(), idle and displaced, ttl
//       │                            broken) stopping ◄───┘
//       └────────────────────────────────────── reaped (also from loading and ready: it died)
//
// One that dies soon after it was ready, again and again, stays absent for a while that grows.
//
// Who may be displaced to make room, idle ones first:
//  - by anyone: the fallback worker of a remote model whose server is up again, and what was loaded ahead of a request
//    that has not come;
//  - by a remote model's fallback: the models of its may_displace, in that order, pinned ones too;
//  - under the policies lru and priority: whatever is not pinned; priority spares models above the one that asks.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "pool/decision.hpp"
#include "pool/endpoints.hpp"
#include "pool/ladder.hpp"
#include "pool/proof.hpp"

namespace sarai::pool {

struct Holder;  // pool/refusal.hpp

using Ticket = std::uint64_t;

enum class Urgency : std::uint8_t { low, normal, high };

// Who asks, as far as it decides on who is served next and where.
struct Ask {
    std::string client = {};               // those of one client share one turn
    Urgency urgency = Urgency::normal;     // one that has waited long counts as more urgent
    std::uint64_t conversation = 0;        // what its earlier requests had as well; 0: unknown
    std::chrono::milliseconds patience{};  // how long it waits for its turn at most; 0: what the model's queue allows
    bool here = false;                     // by the local worker, where the model has one, whatever its servers do
    bool media = false;                    // it brings pictures, sound or films
    // How long the local worker stays after it, if nobody else comes: Ollama's keep_alive; `for_ever` or more: until
    // something else ends it. Absent: as the model's ttl says.
    std::optional<std::chrono::milliseconds> keep_alive = {};
    static constexpr std::chrono::hours for_ever{24 * 365 * 100};
};

// Those that wait for a model.
struct QueueRules {
    int length = 512;                      // further ones are refused
    std::chrono::milliseconds patience{};  // 0: they wait as long as it takes
};

struct ModelSpec {
    std::string name;
    bool generative = true;                // counts towards max_concurrent_llms
    std::vector<EndpointIndex> endpoints;  // asked first
    bool has_local = false;                // serves alone or as the endpoints' fallback
    bool pinned = false;                   // not displaced by a policy
    int priority = 50;
    std::chrono::milliseconds ttl{};            // an idle worker goes after this; 0: never
    MayGiveUp may_give_up = {};                 // where it does not fit as configured
    std::vector<ModelIndex> may_displace = {};  // by its fallback worker
    std::optional<ModelIndex> stand_in = {};    // answers when no endpoint is up and there is no local file
    int slots = 0;                              // requests that its worker serves at once; 0: no limit
    QueueRules queue = {};
    Distance distance = Distance::any;      // of its endpoints
    bool retired = false;                   // by a reload: goes as soon as nobody uses it
    bool media_on_demand = false;           // its worker has no projector until somebody brings media
    std::chrono::milliseconds media_ttl{};  // and again none after so long without; 0: it keeps it
};

enum class Policy : std::uint8_t { never_unload, lru, priority };

struct Rules {
    Bytes budget;                 // for everything that is reserved
    Bytes own;                    // of it, for sarai itself: reserved from the start
    int max_concurrent_llms = 3;  // generative models with a worker at once; also those that are stopping
    // A dying process closes its sockets before it can be reaped, so that a request fails before its worker is known to
    // be dead. So long such a request waits for the news; ticks end the wait.
    Clock::duration reap_wait = std::chrono::seconds(1);
    Policy policy = Policy::never_unload;
    Bytes machine = {};  // the largest budget that this machine allows, for advice; 0: unknown
    // A server that is back may go again: so long it must have been up before its fallback's displacements are undone.
    Clock::duration restore_after = std::chrono::seconds(30);
    int cores = 1;  // that workers compute on, see pool/turns.hpp
    HealthRules health = {};
    int loads_to_quarantine = 3;  // that fail in a row
    // So long a ticket of a lower class waits until it counts as one of the next higher class.
    Clock::duration class_up_after = std::chrono::seconds(30);
    // A worker that dies within the first of these after it was ready, again and again, is started again after a pause
    // that doubles from a second up to the second of them.
    Clock::duration short_life = std::chrono::minutes(1);
    Clock::duration restart_pause_max = std::chrono::seconds(30);
    // A server that sleeps is sent a packet to wake it so often at most, and so long somebody waits for it who has
    // nobody else to ask.
    Clock::duration wake_interval = std::chrono::seconds(10);
    Clock::duration wake_time = std::chrono::seconds(90);
};

enum class LocalState : std::uint8_t { absent, measuring, queued, loading, ready, stopping };
[[nodiscard]] std::string_view name_of(LocalState state);

// Who answers a ticket.
struct Route {
    ModelIndex model = 0;
    std::optional<EndpointIndex> endpoint;  // absent: the local worker
    bool fallback = false;                  // an earlier backend of the chain was passed over, or another model answers
    std::string reason;                     // one line for people
    bool operator==(const Route&) const = default;
};

struct Measure {
    ModelIndex model;
    Reduction reduction = {};
    bool operator==(const Measure&) const = default;
};
// Of a model whose worker is there, with what media take; see PoolCore::measured_form().
struct MeasureForm {
    ModelIndex model;
    bool operator==(const MeasureForm&) const = default;
};
struct Spawn {
    ModelIndex model;
    Reduction reduction = {};  // what was measured last
    bool operator==(const Spawn&) const = default;
};
struct Stop {
    ModelIndex model;
    bool operator==(const Stop&) const = default;
};
struct Probe {
    EndpointIndex endpoint;
    bool operator==(const Probe&) const = default;
};
struct Wake {
    EndpointIndex endpoint;
    bool operator==(const Wake&) const = default;
};
struct Grant {
    Ticket ticket;
    Route route;
    bool operator==(const Grant&) const = default;
};
struct Refuse {
    Ticket ticket;
    Error error;
};
using Action = std::variant<Measure, MeasureForm, Spawn, Stop, Probe, Wake, Grant, Refuse>;
using Actions = std::vector<Action>;

class PoolCore {
public:
    PoolCore(Rules rules, std::vector<ModelSpec> models, std::vector<EndpointSpec> endpoints);

    // ---- events ----
    // Tickets are never used twice and grow, so that their order is that of arrival. Refused with busy, and with what
    // the queue takes to be served as retry_after, where the model's queue is full.
    [[nodiscard]] Actions acquire(Clock::time_point now, Ticket ticket, ModelIndex model, Ask ask = {});
    // The same for a slot of the model's worker that nobody needs: granted at once, else refused with busy. `alone`:
    // only while no worker computes for anybody. For work ahead of requests, and for a second try at what the ticket
    // `beside` asks.
    [[nodiscard]] Actions borrow(Clock::time_point now, Ticket ticket, ModelIndex model, bool alone,
                                 std::optional<Ticket> beside = {});
    // The first token of a stream, the whole reply, or the first token of what another backend had begun.
    enum class Came : std::uint8_t { first_token, whole, continuation };
    [[nodiscard]] Actions answered(Clock::time_point now, Ticket ticket, Came what = Came::first_token);
    // Somebody else was faster than its route: a first token that took at least so long, and for the breaker a silence
    // like any other, so that a server that answers probes and no requests is found out.
    // `usual`: what was waited for before somebody else was asked; what it would have taken in the end nobody knows.
    [[nodiscard]] Actions overtaken(Clock::time_point now, Ticket ticket, std::chrono::milliseconds usual);
    // The backend has answered to the end: its slot is free, while the client may still be reading. The lease stays.
    [[nodiscard]] Actions finished(Clock::time_point now, Ticket ticket);
    // What the route gave failed, before the first token or in an answer with which another backend may go on; the
    // chain goes on from there. `unavailable` from a local worker says that it closed the connection: the ticket is
    // answered once the worker has been reaped and started again, or by a tick if it lives.
    [[nodiscard]] Actions attempt_failed(Clock::time_point now, Ticket ticket, const Error& error);
    // After the first token, of a ticket that stays granted until released, or without one: the endpoint is marked.
    [[nodiscard]] Actions endpoint_failed(Clock::time_point now, EndpointIndex endpoint, const Error& error,
                                          std::optional<Ticket> by = {});
    // Done, or the caller has gone; in any state, also while waiting. Unknown tickets are ignored.
    [[nodiscard]] Actions release(Clock::time_point now, Ticket ticket);

    // Loads without a ticket, at start; one that is being stopped, once it was reaped. A failure is kept in
    // local(model).last_error; the next ticket tries again.
    [[nodiscard]] Actions preload(ModelIndex model);
    // Likewise, or wakes its server, for a request that is only probable. Nobody goes for it or waits for it: it takes
    // memory that is free now and that nobody waits for, without giving anything up, or none. Until a request uses it,
    // whoever asks for another model may have its memory, whatever the policy.
    struct Prefetched {
        Actions actions;
        bool begun = false;  // something was
        std::string why;     // in words, either way
    };
    // `media`: that brings some.
    [[nodiscard]] Prefetched prefetch(Clock::time_point now, ModelIndex model, bool media = false);
    // Would the models be there at the same time? Those whose needs are not known yet count for nothing: see
    // needs_worker() and note_needs(). What a load gives up to fit is not looked at.
    struct Participant {
        ModelIndex model = 0;
        bool media = false;
    };
    // `brought`: what their request takes beside them.
    [[nodiscard]] Proof prove(Clock::time_point now, std::span<const Participant> models, Bytes brought = {}) const;
    // Its local worker would answer: no server of it is up.
    [[nodiscard]] bool needs_worker(Clock::time_point now, ModelIndex model) const;
    // What was measured without a load, of the form for media or of the other.
    void note_needs(ModelIndex model, const Needs& needs, bool media = false);
    [[nodiscard]] bool knows_needs(Participant one) const;
    // How it is loaded for somebody who brings media, or none.
    [[nodiscard]] Reduction form_for(ModelIndex model, bool media) const;
    // The answer to Measure; the total is more than 0.
    [[nodiscard]] Actions measured(ModelIndex model, const Result<Needs>& needs);
    // The answer to MeasureForm.
    [[nodiscard]] Actions measured_form(ModelIndex model, const Result<Needs>& needs);
    [[nodiscard]] Actions worker_ready(ModelIndex model, std::chrono::milliseconds load_time = {});
    // The process was reaped. `why` is its last words; also for a process that could not be started.
    [[nodiscard]] Actions worker_gone(ModelIndex model, const Error& why);
    // Whoever holds a lease is not asked. Tickets that wait stay, and the worker is loaded again for them once it was
    // reaped; for a preload it is not. A model that is being measured or is queued has nothing to stop and goes on.
    [[nodiscard]] Actions stop(ModelIndex model);
    // The same at somebody's wish. Errors: busy while a lease holds it.
    [[nodiscard]] Result<Actions> unload(ModelIndex model);
    // At somebody's wish once its leases have ended, at once where there is none. Whom its load was for is answered by
    // it; later tickets wait, and it is loaded again for them. `goes` false: it stays after all.
    [[nodiscard]] Actions drain(ModelIndex model, bool goes = true);

    // Its file has changed, or somebody wants it tried again. Ends the pause of a worker that kept dying as well.
    [[nodiscard]] Actions lift_quarantine(ModelIndex model);

    // A lower budget than what is reserved holds from when workers have gone: nobody is cut off for it, but idle ones
    // go where the policy allows.
    [[nodiscard]] Actions set_budget(Bytes budget);

    // Memory of something else beside the models for a while, such as a conversion of media, behind those who wait for
    // memory. Where the policy unloads, idle models go for it. Loads that begin meanwhile do not get it, and wait for
    // its end where it is what they lack. `later`: there may be so much soon; `never`: not unless somebody changes
    // something.
    enum class Aside : std::uint8_t { granted, later, never };
    [[nodiscard]] Aside set_aside(Bytes bytes, Actions& out);
    [[nodiscard]] Error no_room_for(Bytes bytes, std::string_view what) const;  // of what was not granted
    [[nodiscard]] Actions give_back(Bytes bytes);
    // Likewise for what sarai itself holds for good, such as the graph of a collection: `total` of it all, in place of
    // what it was before. Loads do not wait for its end.
    [[nodiscard]] Aside keep(Bytes total, Actions& out);
    [[nodiscard]] Bytes kept() const { return kept_; }

    // Closed: new loads are refused with no_memory and `why`, also those that are measured or wait for memory already.
    // Workers that are there go on.
    [[nodiscard]] Actions set_admission(bool open, std::string why);

    [[nodiscard]] Actions probed(Clock::time_point now, EndpointIndex endpoint, const Result<ProbeReport>& outcome);
    [[nodiscard]] Actions tick(Clock::time_point now);

    // ---- a configuration that changes while it runs; indices stay what they are ----
    ModelIndex add_model(ModelSpec spec);
    void set_endpoint_retired(EndpointIndex endpoint, bool retired) { endpoints_.set_retired(endpoint, retired); }
    EndpointIndex add_endpoint(EndpointSpec spec) { return endpoints_.add(std::move(spec)); }
    // Of a model that stays, the references to others and what may change without a load.
    void set_spec(ModelIndex model, ModelSpec spec) { models_[model] = std::move(spec); }
    // No new tickets come for it. Those that it has are answered, its worker goes when the last one has ended, and
    // sooner than any other where somebody needs its memory.
    [[nodiscard]] Actions retire(Clock::time_point now, ModelIndex model);
    [[nodiscard]] Actions set_rules(int max_concurrent_llms, Policy policy);

    // ---- advice: true when read, never to gate a change ----
    struct LocalView {
        LocalState state = LocalState::absent;
        Bytes reserved;
        int leases = 0;
        int ahead = 0;                       // of the leases, those that only read ahead: no request waits for them
        std::uint64_t slot_uses = 0;         // requests that its worker had, reading ahead not counted
        Clock::time_point slot_wanted = {};  // by a request that could not borrow one
        int running = 0;                     // of the leases, those that its worker has not answered to the end
        std::optional<Error> last_error;
        int failed_loads = 0;               // in a row, for other reasons than a lack of memory
        bool quarantined = false;           // too many: not loaded until lift_quarantine()
        bool draining = false;              // takes no further tickets: somebody waits for its memory, or wants it gone
        bool drain_asked = false;           // the latter
        Reduction reduction = {};           // of the plan that was measured last
        Needs needs = {};                   // likewise
        std::uint64_t last_used = 0;        // grows with each use, over all models
        Clock::time_point idle_since = {};  // without leases
        std::optional<std::chrono::milliseconds> keep_alive = {};  // as the last request wants it
        Clock::time_point ready_since = {};
        int short_lives = 0;                     // workers in a row that died soon after they were ready
        Clock::time_point not_before = {};       // for the next load, after those
        std::vector<ModelIndex> displaced = {};  // by this model's fallback worker, to be restored
        Clock::time_point next_restore = {};
        bool ahead_of_request = false;  // loaded by prefetch(), and not used yet
        // Of a model whose media come on demand: what the worker is without and is to be.
        bool media_form = false;     // the next load is with the projector
        bool changing_form = false;  // the worker ends as soon as its requests have, for another form
        bool measuring_form = false;
        std::optional<Needs> media_needs = {};  // of the form with the projector
        Clock::time_point media_used = {};      // the last request that brought media
        int failed_media_loads = 0;             // as failed_loads, of the form with the projector: text goes on
        bool media_quarantined = false;
        std::optional<Error> media_error = {};  // why that form was given up last
    };
    [[nodiscard]] const LocalView& local(ModelIndex model) const { return locals_[model]; }
    [[nodiscard]] const Endpoints::View& endpoint(EndpointIndex index) const { return endpoints_.view(index); }
    [[nodiscard]] const std::vector<ModelSpec>& models() const { return models_; }
    [[nodiscard]] const std::vector<EndpointSpec>& endpoints() const { return endpoints_.specs(); }
    [[nodiscard]] const Rules& rules() const { return rules_; }
    [[nodiscard]] Bytes reserved() const;
    [[nodiscard]] Bytes aside() const { return aside_; }  // of it, see set_aside()
    // When the local worker goes if nobody comes; nullopt: it stays. In the past while it is busy.
    [[nodiscard]] std::optional<Clock::time_point> expires(ModelIndex model) const;
    // See Lease::could_move(). A worker of which it is not known yet whether it fits counts as one that does.
    [[nodiscard]] bool could_move(Ticket ticket, bool to_worker, bool to_other_model) const;
    [[nodiscard]] int waiting(ModelIndex model) const;  // tickets that wait for it, wherever it is to be answered
    // What those who wait take to be served, by what the last answers took; 0: nothing is known.
    [[nodiscard]] std::chrono::milliseconds expected_wait(ModelIndex model) const;
    // Of the last streams of the model there, the time from the request to the first token.
    struct FirstTokens {
        int count = 0;
        std::chrono::milliseconds median{}, p95{};
    };
    [[nodiscard]] FirstTokens first_tokens(ModelIndex model, EndpointIndex endpoint) const;
    // The last ones, oldest first.
    [[nodiscard]] const std::deque<Decision>& decisions() const { return decisions_; }
    [[nodiscard]] std::size_t tickets() const { return tickets_.size(); }
    [[nodiscard]] std::size_t clients() const { return clients_.size(); }  // with tickets

private:
    struct TicketState {
        Ask ask;
        Clock::time_point arrived{};
        ModelIndex model = 0;                     // that is to answer
        std::optional<ModelIndex> stands_in_for;  // the one that was asked, where another answers
        std::vector<EndpointIndex> tried;
        int local_attempts = 0;
        std::uint64_t worker = 0;  // the incarnation that was granted
        bool waiting = false;      // for the local worker
        bool owed = false;         // waits for a slot of this load: the worker may not go before it
        bool parked = false;       // waits for one of its endpoints
        bool ahead = false;        // only reads ahead
        bool woke = false;         // one that it failed to reach is being woken
        bool runs = false;         // holds a slot or a place at an endpoint
        Endpoints::Visit visit;
        Clock::time_point granted_at{};
        std::optional<Clock::time_point> reaped_by;  // waiting to hear that the worker died; by then it must have been
        Error failure;                               // the answer if it lives
        std::optional<Route> granted;
        std::map<EndpointIndex, std::string> passed_over;  // why an endpoint of the chain does not answer
    };

    void advance(Clock::time_point now, Ticket ticket, Actions& out);
    void grant(Ticket ticket, TicketState& state, Route route, Actions& out);
    void take_slot(TicketState& state);
    void note_first_token(const TicketState& state, Clock::duration took);
    void refuse(Ticket ticket, Error error, Actions& out);
    void refuse_waiting(ModelIndex model, const Error& error, Actions& out);
    void drop_lease(TicketState& state);
    void after_attempt(Clock::time_point now, Ticket ticket, const Error& error, Actions& out);
    [[nodiscard]] std::string why_passed_over(const TicketState& state) const;
    [[nodiscard]] std::string how_down(Clock::time_point now, EndpointIndex endpoint) const;
    [[nodiscard]] bool has_other_backend(const TicketState& state) const;
    void stop_running(TicketState& state);
    void erase(Ticket ticket);

    // Turns: pool_queue.cpp.
    // After every event: who waits and can be served now is; memory is given to those who wait for that.
    void serve(Actions& out);
    void serve_parked(Actions& out);
    void serve_slots(ModelIndex model, Actions& out);
    void refuse_if_full(Ticket ticket, Actions& out);
    void refuse_impatient(Clock::time_point now, Actions& out);
    [[nodiscard]] bool comes_before(Ticket a, const TicketState& left, Ticket b, const TicketState& right) const;
    [[nodiscard]] bool has_slot(ModelIndex model) const;

    // Media on demand: pool_forms.cpp.
    [[nodiscard]] bool suits(ModelIndex model, const TicketState& state) const;  // as its worker is now
    [[nodiscard]] bool waits_for_media(ModelIndex model) const;
    void change_forms(Actions& out);
    void leave_media_form(Clock::time_point now, Actions& out);
    void refuse_media(ModelIndex model, const Error& error, Actions& out);
    // Was it the form with its projector that could not be had? Then who brings media is refused, and the next load is
    // for text alone.
    bool give_up_media(ModelIndex model, const Error& error, Actions& out);
    bool refuse_quarantined_media(ModelIndex model, Actions& out);
    [[nodiscard]] int places(ModelIndex model) const;
    void note_served(const std::string& name);
    void know_client(const std::string& name);
    void forget_client(const std::string& client);

    // Room for local workers: pool_room.cpp.
    struct Awaiting {
        ModelIndex model;
        Bytes planned;
    };
    struct Room;  // what is free, and what is promised to whom
    void want_worker(ModelIndex model, Actions& out);
    void note_death(ModelIndex model);
    void find_room(ModelIndex model, Actions& out);
    void give_up(ModelIndex model, Error error, Actions& out);
    void begin_load(ModelIndex model, Bytes planned, Actions& out);
    void begin_stop(ModelIndex model, Actions& out);
    // Serves those who wait for memory, in order of arrival; after every event that may have changed something for
    // them.
    void serve_queue(Actions& out);
    void serve_queue_once(Actions& out);
    void shrink_to_budget(Actions& out);
    [[nodiscard]] std::vector<ModelIndex> idle_ones() const;
    [[nodiscard]] Bytes idle_bytes() const;  // of all of them
    void unload_oldest(Bytes excess, std::string_view why, Actions& out);
    void unload_idle(Clock::time_point now, Actions& out);
    void unload_retired(Actions& out);
    void unload_drained(Actions& out);
    [[nodiscard]] bool is_used(ModelIndex model) const;
    void restore_displaced(Clock::time_point now, Actions& out);
    void make_go(ModelIndex asker, ModelIndex victim, Room& room, Actions& out);
    [[nodiscard]] Room room() const;
    [[nodiscard]] bool is_served(Clock::time_point now, ModelIndex model) const;  // one of its servers is up
    [[nodiscard]] bool is_ahead(ModelIndex model) const;
    bool drop_prefetch(ModelIndex model, const Room& room);
    [[nodiscard]] std::vector<bool> going() const;  // those whose memory is coming back
    [[nodiscard]] bool could_ever_have(ModelIndex model, Bytes needed) const;
    [[nodiscard]] bool is_wanted(ModelIndex model) const;
    [[nodiscard]] bool is_spare_fallback(ModelIndex model) const;
    [[nodiscard]] bool may_evict(ModelIndex asker, ModelIndex victim, Policy policy) const;
    // Whom to unload so that `missing` bytes, and a place if `need_place`, come free; nullopt where nobody suffices.
    // `retired_only`: who has no ticket may only take what is going anyway.
    [[nodiscard]] std::optional<std::vector<ModelIndex>> victims_for(ModelIndex asker, Bytes missing, bool need_place,
                                                                     Policy policy, const std::vector<bool>& going,
                                                                     bool retired_only = false) const;
    [[nodiscard]] std::optional<ModelIndex> successor_of(ModelIndex model) const;
    [[nodiscard]] Error does_not_fit(ModelIndex model, const Room& room) const;
    [[nodiscard]] Error no_place(ModelIndex model) const;
    [[nodiscard]] bool has_place(ModelIndex model) const;  // among the generative ones that there may be
    [[nodiscard]] std::vector<Holder> holders_beside(std::optional<ModelIndex> model) const;
    [[nodiscard]] bool can_be_stopped(ModelIndex model) const;  // by hand: ready, idle and not pinned
    [[nodiscard]] int generative_processes() const;
    [[nodiscard]] std::chrono::milliseconds reload_of(ModelIndex model) const;
    void note(Decision decision);
    bool refuse_while_closed(ModelIndex model, Actions& out);
    bool refuse_in_quarantine(ModelIndex model, Actions& out);
    void note_failed_load(ModelIndex model, const Error& error);

    Rules rules_;
    std::vector<ModelSpec> models_;
    Endpoints endpoints_;
    std::vector<LocalView> locals_;
    std::vector<std::uint64_t> incarnations_;  // of a model's worker, counted
    std::vector<bool> preloading_;             // wanted without a ticket, until ready or refused
    std::map<Ticket, TicketState> tickets_;    // ordered by arrival
    struct Client {
        int tickets = 0;
        std::uint64_t served = 0;  // the turn that it had last; 0: none yet
        Clock::time_point served_at{};
    };
    std::deque<std::pair<std::string, Client>> left_;  // the last that had tickets and have none
    std::map<std::string, Client> clients_;            // with tickets
    std::uint64_t turns_ = 0;
    std::map<std::pair<ModelIndex, EndpointIndex>, std::deque<Clock::duration>> first_tokens_;
    std::vector<std::chrono::duration<double>> service_;  // by model: mean time of the last answers, 0: unknown
    std::deque<Awaiting> awaiting_;  // queued: measured, waiting for memory or a place; first come, first served
    std::deque<Decision> decisions_;
    std::optional<std::string> closed_;  // why nothing may be loaded
    Bytes aside_;
    Bytes kept_;               // a part of rules_.own
    Bytes wanted_budget_;      // rules_.budget is higher while more than that is reserved
    Clock::time_point now_{};  // of the latest event that told it
    std::uint64_t uses_ = 0;
};

}  // namespace sarai::pool
