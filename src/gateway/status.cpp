#include "gateway/status.hpp"

#include <fmt/chrono.h>
#include <unistd.h>

#include <boost/json/array.hpp>

#include "base/utf8.hpp"
#include "gateway/auto_listing.hpp"
#include "gateway/pipeline_listing.hpp"
#include "memory/learned_text.hpp"

namespace sarai::gateway {
namespace {

namespace json = boost::json;

json::value error_json(const std::optional<Error>& error) {
    return error ? json::value(valid_utf8(describe(*error))) : json::value(nullptr);
}

json::object remote_row(const Shared& shared, pool::ModelIndex i) {
    const auto& spec = shared.pool.core().models()[i];
    const auto& config = shared.config.models[i];
    json::array names;
    json::array first_tokens;
    bool any_up = false;
    for (const auto endpoint : spec.endpoints) {
        const auto& name = shared.pool.core().endpoints()[endpoint].name;
        names.emplace_back(name);
        if (const auto seen = shared.pool.core().first_tokens(i, endpoint); seen.count > 0)
            first_tokens.push_back({{"endpoint", name},
                                    {"streams", seen.count},
                                    {"median_ms", seen.median.count()},
                                    {"p95_ms", seen.p95.count()}});
        any_up = any_up || shared.pool.core().endpoint(endpoint).up;
    }
    return {{"name", config.name},
            {"kind", config::name_of(config.kind)},
            {"backend", backend_name(config.remote->kind)},
            {"state", any_up ? "remote" : "down"},
            {"endpoint", names.empty() ? json::value(nullptr) : names.front()},
            {"endpoints", names},
            {"pid", nullptr},
            // The client side of a remote model is a few connections, which sarai's own row counts.
            {"planned_bytes", 0},
            {"measured_bytes", 0},
            {"peak_bytes", 0},
            {"anonymous_bytes", 0},
            {"file_bytes", 0},
            {"role", "primary"},
            {"waiting", shared.pool.core().waiting(i)},
            {"first_tokens", first_tokens}};
}

json::object local_row(const Shared& shared, pool::ModelIndex i) {
    const auto& config = shared.config.models[i];
    const auto status = shared.pool.local(i);
    json::array lines;
    if (status.plan)
        for (const auto& line : status.plan->lines) lines.push_back({{"what", line.what}, {"bytes", line.bytes.count}});
    json::object row{{"name", config.name},
                     {"kind", config::name_of(config.kind)},
                     {"backend", backend_name(config::backend_of(*config.local))},
                     {"state", pool::name_of(status.state)},
                     {"endpoint", "local"},
                     {"pid", status.pid == 0 ? json::value(nullptr) : json::value(status.pid)},
                     {"planned_bytes", status.planned.count},
                     {"measured_bytes", status.measured.pss.count},
                     {"peak_bytes", status.peak.count},
                     {"anonymous_bytes", status.measured.anonymous.count},
                     {"file_bytes", status.measured.file.count},
                     {"over_plan_bytes", status.over_plan.count},
                     {"role", config.remote ? "fallback" : "primary"},
                     {"in_flight", status.leases},
                     {"plan", lines},
                     {"load_ms", status.load_time.count()},
                     {"last_error", error_json(status.last_error)}};
    if (status.plan && status.pid != 0 && !status.plan->nodes.empty()) {
        json::array nodes;
        for (const auto& node : status.plan->nodes)
            nodes.push_back({{"address", node.address},
                             {"planned_bytes", node.total().count},
                             {"memory_bytes", node.memory.count}});
        row["nodes"] = std::move(nodes);
    }
    if (status.reduction.any()) row["reduced"] = describe(status.reduction);
    if (config.local->mmproj)
        row["projector"] = status.pid != 0 && !status.reduction.text_only ? "loaded" : "on demand";
    if (status.waiting > 0) row["waiting"] = status.waiting;
    if (status.draining) row["draining"] = true;
    if (shared.pool.core().local(i).drain_asked) row["drain_asked"] = true;
    if (config.retired) row["retired"] = true;
    if (!config.served_by.empty()) row["served_by"] = config.served_by;
    const auto pause = shared.pool.core().local(i).not_before - std::chrono::steady_clock::now();
    if (pause.count() > 0) row["restart_in_s"] = std::chrono::ceil<std::chrono::seconds>(pause).count();
    if (status.quarantined) row["quarantined"] = true;
    if (status.plan) memory::add_error_bar(row, *status.plan);
    if (status.state == pool::LocalState::loading) row["progress"] = status.load_progress;
    return row;
}

// Names of the models that an endpoint has in its memory; null where it does not tell.
json::value resident_json(const pool::PoolCore& core, const pool::Endpoints::View& view) {
    if (!view.resident) return nullptr;
    json::array names;
    for (const auto model : *view.resident) names.emplace_back(core.models()[model].name);
    return names;
}

bool shows_local(const Shared& shared, pool::ModelIndex i) {
    const auto& config = shared.config.models[i];
    const bool listed = !config.remote && !config.retired;
    const auto& local = shared.pool.core().local(i);
    // Why a fallback would not load is to be seen before it is needed.
    const bool in_trouble = local.last_error || local.not_before > std::chrono::steady_clock::now();
    return config.local && (listed || local.state != pool::LocalState::absent || (in_trouble && !config.retired));
}

// Who takes what, and what the watchdog makes of it.
json::object ledger_json(const pool::Pool& pool, const memory::ProcessMemory& measured) {
    const auto& core = pool.core();
    const auto& memory = pool.memory();
    return {{"budget_bytes", core.rules().budget.count},
            {"reserved_bytes", core.reserved().count},
            {"measured_bytes", measured.pss.count},
            {"anonymous_bytes", measured.anonymous.count},
            {"file_bytes", measured.file.count},
            {"own_bytes", memory.own().pss.count},
            {"own_anonymous_bytes", memory.own().anonymous.count},
            {"own_file_bytes", memory.own().file.count},
            {"other_bytes", memory.others().pss.count},
            {"transient_bytes", core.aside().count},
            {"peak_bytes", memory.peak_sum().count},
            {"available_bytes", memory.machine().available.count},
            {"max_concurrent_llms", core.rules().max_concurrent_llms}};
}

json::object estimates_json(const config::Estimates& estimates) {
    const auto of = [](const std::optional<Bytes>& bytes) {
        return bytes ? json::value(bytes->count) : json::value(nullptr);
    };
    return {{"native_bytes", of(estimates.native)}, {"hybrid_bytes", of(estimates.hybrid)}};
}

json::object enforcement_json(const pool::MemoryWatch& memory) {
    json::array events;
    for (const auto& event : memory.events())
        events.push_back({{"at", fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::milliseconds>(event.at))},
                          {"what", memory::name_of(event.step)},
                          {"model", event.model.empty() ? json::value(nullptr) : json::value(event.model)},
                          {"why", event.why}});
    json::value pressure = nullptr;
    if (memory.pressure())
        pressure = {{"some_avg10", memory.pressure()->some}, {"full_avg10", memory.pressure()->full}};
    const auto& guard = memory.guard();
    return {{"mode", memory.enforcement().mode},
            {"why", memory.enforcement().why},
            {"level", memory::name_of(guard.level())},
            {"reason", guard.why().empty() ? json::value(nullptr) : json::value(guard.why())},
            {"admission_open", guard.admission_open()},
            {"pressure", pressure},
            {"events", events}};
}

}  // namespace

json::object status_json(const Shared& shared, std::string_view version, std::chrono::seconds uptime) {
    const auto& core = shared.pool.core();
    json::array models;
    auto measured = shared.pool.memory().own();
    measured += shared.pool.memory().others();
    for (pool::ModelIndex i = 0; i < shared.config.models.size(); ++i) {
        if (shared.config.models[i].remote && !shared.config.models[i].retired) models.push_back(remote_row(shared, i));
        if (shows_local(shared, i)) models.push_back(local_row(shared, i));
        measured += shared.pool.local(i).measured;
    }
    json::array endpoints;
    for (pool::EndpointIndex i = 0; i < core.endpoints().size(); ++i) {
        if (core.endpoint(i).retired && core.endpoint(i).leases == 0) continue;
        const auto& view = core.endpoint(i);
        endpoints.push_back(
            {{"name", core.endpoints()[i].name},
             {"up", view.up},
             {"breaker", pool::name_of(view.breaker)},
             {"in_flight", view.leases},
             {"capacity", core.endpoints()[i].capacity},
             {"round_trip_ms", view.round_trip.count() == 0
                                   ? json::value(nullptr)
                                   : json::value(static_cast<double>(view.round_trip.count()) / 1000)},
             {"distance", view.round_trip.count() == 0 ? json::value(nullptr) : json::value(view.far ? "wan" : "lan")},
             {"resident", resident_json(core, view)},
             {"last_error", view.up ? json::value(nullptr) : error_json(view.last_error)}});
    }
    return {{"version", version},
            {"pid", ::getpid()},
            {"uptime_s", uptime.count()},
            {"models", models},
            {"ledger", ledger_json(shared.pool, measured)},
            {"estimates", estimates_json(shared.config.estimates)},
            {"enforcement", enforcement_json(shared.pool.memory())},
            {"endpoints", endpoints}};
}

json::object model_json(const Shared& shared, pool::ModelIndex i) {
    const auto& config = shared.config.models[i];
    auto row = config.remote ? remote_row(shared, i) : local_row(shared, i);
    json::object about{{"state", row["state"]},
                       {"backend", row["backend"]},
                       {"endpoint", row["endpoint"]},
                       {"kind", config::name_of(config.kind)},
                       {"planned_bytes", row["planned_bytes"]},
                       {"measured_bytes", row["measured_bytes"]}};
    if (config.remote && config.local)
        about["fallback"] = {{"backend", "gguf_native"}, {"state", pool::name_of(shared.pool.core().local(i).state)}};
    return {{"id", config.name}, {"object", "model"}, {"created", 0}, {"owned_by", "sarai"}, {"sarai", about}};
}

json::object models_json(const Shared& shared, const config::ApiKey* key) {
    json::array data;
    for (pool::ModelIndex i = 0; i < shared.config.models.size(); ++i) {
        const auto& model = shared.config.models[i];
        if (!model.retired && access::is_listed(key, model.name)) data.push_back(model_json(shared, i));
    }
    if (lists_auto(shared, key)) data.push_back(auto_model_json(shared, key));
    for (const auto* pipeline : listed_pipelines(shared, key)) data.push_back(pipeline_model_json(shared, *pipeline));
    return {{"object", "list"}, {"data", data}};
}

json::object anthropic_model_json(std::string_view name) {
    return {{"type", "model"},
            {"id", name},
            {"display_name", name},
            {"created_at", "1970-01-01T00:00:00Z"}};  // unknown, as its API says it
}

json::object anthropic_models_json(const Shared& shared, const config::ApiKey* key) {
    json::array data;
    for (const auto& model : shared.config.models)
        if (!model.retired && access::is_listed(key, model.name) && model.kind == config::ModelKind::chat)
            data.push_back(anthropic_model_json(model.name));
    if (lists_auto(shared, key)) data.push_back(anthropic_model_json(config::auto_model));
    for (const auto* pipeline : listed_pipelines(shared, key)) data.push_back(anthropic_model_json(pipeline->name));
    const auto id = [&](auto end) { return data.empty() ? json::value(nullptr) : end().at("id"); };
    const auto first = id([&]() -> const json::value& { return data.front(); });
    const auto last = id([&]() -> const json::value& { return data.back(); });
    return {{"data", data}, {"has_more", false}, {"first_id", first}, {"last_id", last}};
}

}  // namespace sarai::gateway
