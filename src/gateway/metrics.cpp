#include "gateway/metrics.hpp"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <algorithm>
#include <map>
#include <utility>

namespace sarai::gateway {
namespace {

namespace prom = prometheus;

// 1 ms … 131 s, doubling: from a tiny model's first token to a large one's whole answer.
prom::Histogram::BucketBoundaries seconds_buckets() {
    prom::Histogram::BucketBoundaries bounds;
    for (double bound = 0.001; bound < 150; bound *= 2) bounds.push_back(bound);
    return bounds;
}

template <class Builder>
auto& family(prom::Registry& registry, Builder builder, const char* name, const char* help) {
    return builder.Name(name).Help(help).Register(registry);
}

// The gauges of models and endpoints as they are at one moment. Those of one name are one: a model that was changed has
// its former self beside it, while that still answers.
class Gauges {
public:
    using Key = std::pair<prom::Family<prom::Gauge>*, prom::Labels>;
    using Shown = std::map<Key, prom::Gauge*>;
    void sum(prom::Family<prom::Gauge>& family, prom::Labels labels, double value) {
        values_[{&family, std::move(labels)}] += value;
    }
    void most(prom::Family<prom::Gauge>& family, prom::Labels labels, double value) {
        auto& kept = values_[{&family, std::move(labels)}];
        kept = std::max(kept, value);
    }
    // Takes the place of what `shown` holds from the last time: what is no more is not told of with its last value.
    void show(Shown& shown) const {
        std::erase_if(shown, [this](const auto& old) {
            const bool gone = !values_.contains(old.first);
            if (gone) old.first.first->Remove(old.second);
            return gone;
        });
        for (const auto& [key, value] : values_) {
            auto& gauge = shown[key];
            if (gauge == nullptr) gauge = &key.first->Add(key.second);
            gauge->Set(value);
        }
    }

private:
    std::map<Key, double> values_;
};

}  // namespace

struct Metrics::Families {
    prom::Registry registry;
    prom::Family<prom::Counter>& requests = family(registry, prom::BuildCounter(), "sarai_requests_total",
                                                   "Finished requests by model, backend and HTTP status.");
    prom::Family<prom::Counter>& tokens =
        family(registry, prom::BuildCounter(), "sarai_tokens_total", "Tokens by model and type (prompt, completion).");
    prom::Family<prom::Counter>& refused =
        family(registry, prom::BuildCounter(), "sarai_requests_refused_total",
               "Requests that were not let in, by reason (unauthorized, forbidden, rate_limited).");
    prom::Family<prom::Counter>& routes = family(registry, prom::BuildCounter(), "sarai_routing_decisions_total",
                                                 "Requests for the model auto, by route and the model chosen.");
    prom::Family<prom::Counter>& hints =
        family(registry, prom::BuildCounter(), "sarai_routing_hints_total",
               "Hints of prompts that are being typed, by whether a load or a wake began (true, false).");
    prom::Family<prom::Counter>& feedback =
        family(registry, prom::BuildCounter(), "sarai_routing_feedback_total",
               "Feedback on routes, by route and by whether it was right (true, false).");
    prom::Family<prom::Counter>& key_requests = family(registry, prom::BuildCounter(), "sarai_key_requests_total",
                                                       "Finished requests by API key and HTTP status.");
    prom::Family<prom::Counter>& key_tokens = family(registry, prom::BuildCounter(), "sarai_key_tokens_total",
                                                     "Tokens by API key and type (prompt, completion).");
    prom::Family<prom::Counter>& fallbacks = family(registry, prom::BuildCounter(), "sarai_fallbacks_total",
                                                    "Requests answered by a later backend of the model's chain.");
    prom::Family<prom::Counter>& failovers =
        family(registry, prom::BuildCounter(), "sarai_stream_failovers_total",
               "Times that another backend went on with a streamed answer whose own was lost.");
    prom::Family<prom::Counter>& hedges =
        family(registry, prom::BuildCounter(), "sarai_hedges_total",
               "Times that the local worker was asked beside a slow server, by who was faster (local, server).");
    prom::Family<prom::Counter>& read_ahead =
        family(registry, prom::BuildCounter(), "sarai_read_ahead_tokens_total",
               "Tokens that a local worker had read ahead when it took over an answer.");
    prom::Family<prom::Counter>& broken =
        family(registry, prom::BuildCounter(), "sarai_streams_broken_total", "Streams that ended with an error event.");
    prom::Family<prom::Histogram>& first_token =
        family(registry, prom::BuildHistogram(), "sarai_time_to_first_token_seconds",
               "From the request's arrival to its first token.");
    prom::Family<prom::Histogram>& duration = family(registry, prom::BuildHistogram(), "sarai_request_duration_seconds",
                                                     "From the request's arrival to its last byte.");
    prom::Family<prom::Gauge>& build = family(registry, prom::BuildGauge(), "sarai_build_info", "Always 1.");
    prom::Family<prom::Gauge>& memory =
        family(registry, prom::BuildGauge(), "sarai_model_memory_bytes",
               "Memory of a local model's worker: planned; measured (PSS), of it anonymous and file; peak; over_plan.");
    prom::Family<prom::Gauge>& ready =
        family(registry, prom::BuildGauge(), "sarai_model_ready", "1 if the model's local worker answers.");
    prom::Family<prom::Gauge>& leases = family(registry, prom::BuildGauge(), "sarai_requests_in_flight",
                                               "Requests that hold a local worker or an endpoint.");
    prom::Family<prom::Gauge>& endpoint_up =
        family(registry, prom::BuildGauge(), "sarai_endpoint_up", "1 if the endpoint answered last time.");
    prom::Family<prom::Gauge>& endpoint_capacity = family(registry, prom::BuildGauge(), "sarai_endpoint_capacity",
                                                          "Requests that the endpoint gets at once; 0: no limit.");
    prom::Family<prom::Gauge>& endpoint_round_trip =
        family(registry, prom::BuildGauge(), "sarai_endpoint_round_trip_seconds",
               "Least round trip of the last probes; 0: not measured.");
    prom::Family<prom::Gauge>& waiting = family(registry, prom::BuildGauge(), "sarai_requests_waiting",
                                                "Requests that wait for a model: its turn, its loading.");
    prom::Family<prom::Histogram>& queue_time =
        family(registry, prom::BuildHistogram(), "sarai_queue_time_seconds",
               "From the request's arrival until a backend took it: its turn, a load.");
    prom::Family<prom::Gauge>& budget =
        family(registry, prom::BuildGauge(), "sarai_memory_budget_bytes", "The hard limit for all reservations.");
    prom::Family<prom::Gauge>& reserved = family(registry, prom::BuildGauge(), "sarai_memory_reserved_bytes",
                                                 "Sum of all reservations, loads in flight included.");
    prom::Family<prom::Gauge>& own =
        family(registry, prom::BuildGauge(), "sarai_process_memory_bytes",
               "Memory of sarai itself (process sarai) and of its measuring children (other): PSS, anonymous, file.");
    prom::Family<prom::Gauge>& sum =
        family(registry, prom::BuildGauge(), "sarai_memory_bytes",
               "Memory of sarai and all its children: measured (PSS), of it anonymous and file; peak of their sum.");
    prom::Family<prom::Gauge>& available = family(registry, prom::BuildGauge(), "sarai_machine_memory_available_bytes",
                                                  "MemAvailable; counts mapped weights as free.");
    prom::Family<prom::Gauge>& pressure =
        family(registry, prom::BuildGauge(), "sarai_memory_pressure_ratio",
               "Share of the last 10 s in which some or all (full) tasks waited for memory.");
    prom::Family<prom::Gauge>& admission = family(registry, prom::BuildGauge(), "sarai_memory_admission_open",
                                                  "0 while memory is too short to load models.");
    prom::Family<prom::Gauge>& watching = family(registry, prom::BuildGauge(), "sarai_memory_watch_cpu_seconds",
                                                 "CPU time spent on reading the memory of processes.");
    Gauges::Shown shown;
};

Metrics::Metrics(std::string version) : families_(std::make_unique<Families>()) {
    families_->build.Add({{"version", std::move(version)}}).Set(1);
}
Metrics::~Metrics() = default;

void Metrics::count(const FinishedRequest& request) {
    auto& all = *families_;
    const prom::Labels who{{"model", request.model}, {"backend", request.backend}};
    auto with_status = who;
    with_status.emplace("code", std::to_string(request.status));
    all.requests.Add(with_status).Increment();
    if (!request.key.empty())
        all.key_requests.Add({{"key", request.key}, {"code", std::to_string(request.status)}}).Increment();
    if (!request.key.empty() && request.usage)
        for (const auto& [type, count] :
             {std::pair{"prompt", request.usage->prompt_tokens}, {"completion", request.usage->completion_tokens}})
            all.key_tokens.Add({{"key", request.key}, {"type", type}}).Increment(static_cast<double>(count));
    if (request.broke_off) all.broken.Add(who).Increment();
    if (request.backend.empty()) return;
    if (request.time_to_first_token)
        all.first_token.Add(who, seconds_buckets()).Observe(request.time_to_first_token->count());
    all.queue_time.Add({{"model", request.model}}, seconds_buckets()).Observe(request.waited.count());
    all.duration.Add(who, seconds_buckets()).Observe(request.duration.count());
    if (request.fallback) all.fallbacks.Add({{"model", request.model}}).Increment();
    if (request.hedged)
        all.hedges.Add({{"model", request.model}, {"winner", request.hedge_won ? "local" : "server"}}).Increment();
    if (request.read_ahead > 0)
        all.read_ahead.Add({{"model", request.model}}).Increment(static_cast<double>(request.read_ahead));
    if (request.failovers > 0) all.failovers.Add(who).Increment(request.failovers);
    if (request.usage) {
        all.tokens.Add({{"model", request.model}, {"type", "prompt"}})
            .Increment(static_cast<double>(request.usage->prompt_tokens));
        all.tokens.Add({{"model", request.model}, {"type", "completion"}})
            .Increment(static_cast<double>(request.usage->completion_tokens));
    }
}

void Metrics::count_refused(std::string_view why) {
    families_->refused.Add({{"reason", std::string(why)}}).Increment();
}

void Metrics::count_route(std::string_view route, std::string_view model) {
    families_->routes.Add({{"route", std::string(route)}, {"model", std::string(model)}}).Increment();
}

void Metrics::count_hint(bool loading) { families_->hints.Add({{"loading", loading ? "true" : "false"}}).Increment(); }

void Metrics::count_feedback(std::string_view route, bool right) {
    families_->feedback.Add({{"route", std::string(route)}, {"right", right ? "true" : "false"}}).Increment();
}

std::string Metrics::text(const pool::Pool& pool) const {
    auto& all = *families_;
    const auto& core = pool.core();
    const auto& memory = pool.memory();
    const auto amount = [](Bytes bytes) { return static_cast<double>(bytes.count); };
    auto sum = memory.own();
    sum += memory.others();
    Gauges gauges;
    for (pool::ModelIndex i = 0; i < core.models().size(); ++i) {
        const auto& model = core.models()[i];
        const auto status = pool.local(i);
        if (model.retired && status.state == pool::LocalState::absent && core.waiting(i) == 0) continue;
        gauges.sum(all.waiting, {{"model", model.name}}, core.waiting(i));
        if (!model.has_local) continue;
        const auto memory_of = [&](const char* kind, Bytes bytes) {
            gauges.sum(all.memory, {{"model", model.name}, {"kind", kind}}, amount(bytes));
        };
        memory_of("planned", status.planned);
        memory_of("measured", status.measured.pss);
        memory_of("anonymous", status.measured.anonymous);
        memory_of("file", status.measured.file);
        memory_of("peak", status.peak);
        memory_of("over_plan", status.over_plan);
        sum += status.measured;
        gauges.most(all.ready, {{"model", model.name}}, status.state == pool::LocalState::ready ? 1 : 0);
        gauges.sum(all.leases, {{"model", model.name}, {"endpoint", "local"}}, status.leases);
    }
    for (pool::EndpointIndex i = 0; i < core.endpoints().size(); ++i) {
        if (core.endpoint(i).retired) continue;  // its figures, if another one has its name, are that one's
        const auto& name = core.endpoints()[i].name;
        gauges.most(all.endpoint_up, {{"endpoint", name}}, core.endpoint(i).up ? 1 : 0);
        gauges.sum(all.leases, {{"model", ""}, {"endpoint", name}}, core.endpoint(i).leases);
        gauges.sum(all.endpoint_capacity, {{"endpoint", name}}, core.endpoints()[i].capacity);
        gauges.most(all.endpoint_round_trip, {{"endpoint", name}},
                    std::chrono::duration<double>(core.endpoint(i).round_trip).count());
    }
    gauges.show(all.shown);
    all.budget.Add({}).Set(amount(core.rules().budget));
    all.reserved.Add({}).Set(amount(core.reserved()));
    for (const auto& [who, what] : {std::pair{"sarai", &memory.own()}, {"other", &memory.others()}}) {
        all.own.Add({{"process", who}, {"kind", "measured"}}).Set(amount(what->pss));
        all.own.Add({{"process", who}, {"kind", "anonymous"}}).Set(amount(what->anonymous));
        all.own.Add({{"process", who}, {"kind", "file"}}).Set(amount(what->file));
    }
    all.sum.Add({{"kind", "measured"}}).Set(amount(sum.pss));
    all.sum.Add({{"kind", "anonymous"}}).Set(amount(sum.anonymous));
    all.sum.Add({{"kind", "file"}}).Set(amount(sum.file));
    all.sum.Add({{"kind", "peak"}}).Set(amount(memory.peak_sum()));
    all.available.Add({}).Set(amount(memory.machine().available));
    if (const auto& pressure = memory.pressure()) {
        all.pressure.Add({{"kind", "some"}}).Set(pressure->some / 100);
        all.pressure.Add({{"kind", "full"}}).Set(pressure->full / 100);
    }
    all.admission.Add({}).Set(memory.guard().admission_open() ? 1 : 0);
    all.watching.Add({}).Set(memory.cost().count());
    return prom::TextSerializer().Serialize(all.registry.Collect());
}

}  // namespace sarai::gateway
