// The remote endpoints: which of them is well, how much each may be asked at once, and which one a request goes to.
//
// Pure, without a clock of its own; owned by PoolCore. Always holds: an endpoint never has more requests than its
// capacity, and one that is tried again after a failure has a single one until that was answered.
//
// The circuit breaker of an endpoint:
//
//     closed ──► open ──────────────► half_open ──► closed   (the trial was answered)
//       ▲   failed │  ▲   a probe got     │  │
//       │          └──┘   an answer       │  └────► open     (the trial failed: longer until the next one)
//       └─ answered    probe failed       ▼
//                                     one request at a time
//
// Only failures of the server as a whole open it: at once where it cannot be reached; where it closed the connection or
// was silent, after three in a row, as one answer that breaks off says little about the next. 401/403/404 and 5xx are
// about the key, the model or the request. 429 and a Retry-After leave the endpoint alone until
// that time, without opening the breaker.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace sarai::pool {

using Clock = std::chrono::steady_clock;
using ModelIndex = std::size_t;
using EndpointIndex = std::size_t;

struct EndpointSpec {
    std::string name;       // host:port
    int capacity = 0;       // requests at once; 0: no limit
    int weight = 1;         // one of twice the weight gets twice the requests
    bool can_wake = false;  // by a packet (Wake-on-LAN)
    bool operator==(const EndpointSpec&) const = default;
};

// How far away endpoints may be for a model, by their measured round trip.
enum class Distance : std::uint8_t {
    any,        // near and far ones alike
    lan_first,  // far ones only where no near one is left
    lan_only,   // far ones never
};

struct HealthRules {
    int failures_to_open = 3;                                  // in a row, of requests that were sent
    Clock::duration probe_interval = std::chrono::seconds(1);  // of one that is down; grows by half with each failure
    Clock::duration probe_interval_max = std::chrono::seconds(4);
    Clock::duration check_interval{};  // of one that is up; 0: never
    // After a trial that failed, until the next one; doubles with each. A server may answer probes and no requests.
    Clock::duration trial_interval = std::chrono::seconds(1);
    Clock::duration trial_interval_max = std::chrono::seconds(60);
    double jitter = 0;  // share by which intervals vary, so that many clients do not ask together
    // A wired or wireless LAN answers in less; the nearest data centre of a cloud seldom does.
    std::chrono::microseconds wan_round_trip = std::chrono::milliseconds(10);
    std::uint64_t seed = 1;
};

enum class Breaker : std::uint8_t { closed, open, half_open };
[[nodiscard]] std::string_view name_of(Breaker breaker);

// What a probe found.
struct ProbeReport {
    std::chrono::microseconds round_trip{};                // 0: not measured
    std::optional<std::vector<ModelIndex>> resident = {};  // in the server's memory; nullopt: it does not tell
};

class Endpoints {
public:
    explicit Endpoints(std::vector<EndpointSpec> specs, HealthRules rules);

    // ---- events ----
    // A request goes there, or has come back from there. What began() returns is handed back to ended() and failed():
    // what a request says that was sent before the breaker opened is old news.
    struct Visit {
        std::uint64_t epoch = 0;  // times that the breaker had opened
        bool trial = false;       // the one of a half-open endpoint
    };
    [[nodiscard]] Visit began(EndpointIndex endpoint);
    void ended(EndpointIndex endpoint, const Visit& visit);
    // A request was answered: the first token or the whole reply has come.
    void answered(Clock::time_point now, EndpointIndex endpoint);
    // A request, or an answer in the middle, failed.
    void failed(Clock::time_point now, EndpointIndex endpoint, const Error& error, const Visit& visit);
    void probed(Clock::time_point now, EndpointIndex endpoint, const Result<ProbeReport>& outcome);
    // Those that are to be probed now; each is expected to be reported by probed().
    [[nodiscard]] std::vector<EndpointIndex> due(Clock::time_point now);
    EndpointIndex add(EndpointSpec spec);
    // No model names it any more: it is left alone, until one does.
    void set_retired(EndpointIndex endpoint, bool retired);
    // Somebody would ask it, and it is down: is it time to send a packet that wakes it?
    [[nodiscard]] bool wake(Clock::time_point now, EndpointIndex endpoint, Clock::duration interval,
                            Clock::duration time);
    // It was sent the first one of a row not longer ago than `time`: a row ends when it is up, or was left asleep so
    // long.
    [[nodiscard]] bool is_waking(Clock::time_point now, EndpointIndex endpoint, Clock::duration time) const;

    // ---- choice ----
    enum class State : std::uint8_t {
        free,
        full,     // at its capacity
        trying,   // half open, and its trial is under way
        resting,  // asked to be left alone for a while
        down,     // its breaker is open
        far,      // and the model is only served by near ones
    };
    [[nodiscard]] State state(Clock::time_point now, EndpointIndex endpoint, Distance distance) const;

    // Of `candidates`, all of them free, the one to ask: where the conversation was before, so that its prompt is
    // cached there; else where the model is in memory; else where the fewest requests are for its weight; else the
    // first. Under lan_first near ones come before all that.
    struct Choice {
        EndpointIndex endpoint = 0;
        std::string_view why;  // for people, "" for the only or first one
    };
    [[nodiscard]] Choice choose(ModelIndex model, std::uint64_t conversation, Distance distance,
                                std::span<const EndpointIndex> candidates) const;
    // The conversation is answered there.
    void remember(ModelIndex model, std::uint64_t conversation, EndpointIndex endpoint);

    // ---- advice ----
    struct View {
        bool up = true;  // the breaker is not open
        Breaker breaker = Breaker::closed;
        int leases = 0;
        std::optional<Error> last_error;
        Clock::time_point changed{};        // when `up` was last set; the epoch: never
        Clock::time_point resting_until{};  // Retry-After
        Clock::time_point next_trial{};     // not before; only of one that is down
        Clock::time_point woken_first{};    // since it was up; the epoch: not
        Clock::time_point woken_last{};
        std::chrono::microseconds round_trip{};  // the least of the last ones; 0: not measured yet
        bool far = false;
        bool retired = false;  // by a reload
        std::optional<std::vector<ModelIndex>> resident;
    };
    [[nodiscard]] const View& view(EndpointIndex endpoint) const { return all_[endpoint].view; }
    [[nodiscard]] const std::vector<EndpointSpec>& specs() const { return specs_; }
    // As of a request that went there now.
    [[nodiscard]] Visit now_at(EndpointIndex endpoint) const {
        return {.epoch = all_[endpoint].epoch, .trial = all_[endpoint].trial_runs};
    }
    [[nodiscard]] std::size_t size() const { return all_.size(); }

private:
    struct One {
        View view;
        std::optional<Clock::time_point> next_probe;
        bool probing = false;
        bool trial_runs = false;
        std::uint64_t epoch = 0;  // times that it opened
        int failures = 0;         // of requests, in a row
        int failed_probes = 0;    // in a row
        int failed_trials = 0;    // in a row
        std::deque<std::chrono::microseconds> round_trips;
    };
    void open(Clock::time_point now, One& one);
    [[nodiscard]] Clock::duration varied(Clock::duration interval);

    HealthRules rules_;
    std::vector<EndpointSpec> specs_;
    std::vector<One> all_;
    std::map<std::pair<ModelIndex, std::uint64_t>, EndpointIndex> conversations_;
    std::deque<std::pair<ModelIndex, std::uint64_t>> oldest_conversations_;
    std::mt19937_64 random_;
};

// Failures that say something about the endpoint as a whole.
[[nodiscard]] bool is_endpoints_fault(Code code);

}  // namespace sarai::pool
