#include "app/wiring.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <map>

#include "config/values.hpp"
#include "engine/cores.hpp"
#include "engine/worker.hpp"
#include "memory/guard.hpp"
#include "memory/nodes.hpp"
#include "net/wake.hpp"
#include "remote/ollama_backend.hpp"
#include "remote/openai_backend.hpp"

namespace sarai::app {
namespace asio = boost::asio;
using namespace std::chrono_literals;

// One server, whoever uses it.
struct Server {
    std::shared_ptr<net::Client> client;
    config::BackendKind kind;
    config::Endpoint endpoint;
    config::TimeBudgets budgets;
};

struct Built {
    std::vector<Server> servers;  // by EndpointIndex
    // By model and endpoint.
    std::map<std::pair<pool::ModelIndex, pool::EndpointIndex>, std::shared_ptr<llm::Backend>> backends;
    std::filesystem::path server_binary;
    std::filesystem::path whisper_binary;
    std::filesystem::path runtime_dir;
    std::shared_ptr<engine::CgroupTree> cgroups;  // null: none
    int sockets = 0;
    std::shared_ptr<memory::NodeLedger> nodes = std::make_shared<memory::NodeLedger>();
    std::map<pool::ModelIndex, std::vector<memory::NodePlan>> node_plans;  // of models that were planned
    std::map<pool::ModelIndex, int> trained_context;  // tokens, of models that were planned; each is before it starts
};

namespace {

// A local worker is watched as a process, so its silence is work, not absence: SOLAR reads 11 tokens/s of prompt on two
// cores, three minutes for a full context.
constexpr config::TimeBudgets worker_budgets{.connect = 2s, .first_token = 1800s, .silence = 300s, .total = 3600s};

class LlamaServer final : public pool::LocalWorker {
public:
    LlamaServer(std::unique_ptr<engine::Worker> worker, const config::Model& model, int threads, int slot_context,
                std::shared_ptr<void> nodes)
        : nodes_(std::move(nodes)),
          worker_(std::move(worker)),
          threads_(threads),
          load_timeout_(model.local->load_timeout),
          backend_(remote::make_openai_backend(remote::Link{.client = worker_->client(),
                                                            .name = fmt::format("worker of '{}'", model.name),
                                                            .model = model.name,
                                                            .budgets = worker_budgets,
                                                            .max_inputs = 64,
                                                            .max_text = std::size_t{256} << 10U,
                                                            .continues = remote::Continues::raw_text,
                                                            .context = slot_context})) {}

    asio::awaitable<Result<void>> ready() override { return worker_->ready(load_timeout_); }
    asio::awaitable<Error> gone() override { return worker_->gone(); }
    asio::awaitable<void> stop(std::chrono::milliseconds grace) override { return worker_->stop(grace); }
    pid_t pid() const override { return worker_->pid(); }
    int threads() const override { return threads_; }
    void pause() override { worker_->pause(); }
    void resume() override { worker_->resume(); }
    std::shared_ptr<llm::Backend> backend() override { return backend_; }

private:
    std::shared_ptr<void> nodes_;  // what it holds of other machines, given back after the process has gone
    std::unique_ptr<engine::Worker> worker_;
    int threads_;
    std::chrono::milliseconds load_timeout_;
    std::shared_ptr<llm::Backend> backend_;
};

// What several models say of one server agrees, or it counts as several.
bool same_server(const config::Endpoint& a, const config::Endpoint& b) {
    return a.url == b.url && a.api_key == b.api_key && a.name == b.name && a.capacity == b.capacity &&
           a.weight == b.weight && a.mac == b.mac && a.wake_address == b.wake_address;
}

pool::Distance distance_of(std::string_view wan) {
    if (wan == "last") return pool::Distance::lan_first;
    return wan == "never" ? pool::Distance::lan_only : pool::Distance::any;
}

Result<pool::EndpointIndex> add_server(Built& built, std::vector<pool::EndpointSpec>& endpoints,
                                       asio::any_io_executor executor, const config::RemoteModel& remote,
                                       const config::Endpoint& endpoint) {
    for (pool::EndpointIndex i = 0; i < built.servers.size(); ++i)
        if (built.servers[i].kind == remote.kind && same_server(built.servers[i].endpoint, endpoint)) return i;
    auto origin = net::Origin::parse(endpoint.url);
    if (!origin) return std::unexpected(origin.error());
    endpoints.push_back({.name = endpoint.name.empty() ? origin->name() : endpoint.name,
                         .capacity = endpoint.capacity,
                         .weight = endpoint.weight,
                         .can_wake = !endpoint.mac.empty()});
    built.servers.push_back({.client = std::make_shared<net::Client>(executor, std::move(*origin)),
                             .kind = remote.kind,
                             .endpoint = endpoint,
                             .budgets = remote.budgets});
    return built.servers.size() - 1;
}

memory::EngineShape reduced(memory::EngineShape shape, const pool::Reduction& reduction) {
    if (reduction.without_prompt_cache) shape.prompt_cache = {};
    if (!reduction.kv_cache_type.empty()) shape.kv_cache_type = reduction.kv_cache_type;
    if (reduction.context_length > 0) shape.context_length = reduction.context_length;
    if (reduction.text_only) shape.mmproj.reset();
    return shape;
}

Result<std::shared_ptr<pool::LocalWorker>> spawn(asio::any_io_executor executor, Built& built,
                                                 const config::Model& model, const pool::Reduction& reduction,
                                                 int trained_context, Bytes planned, std::shared_ptr<void> nodes) {
    std::unique_ptr<engine::WorkerCgroup> cgroup;
    if (built.cgroups) {
        auto made = built.cgroups->make_worker(engine::limit_for(planned, memory::error_allowance(planned)));
        if (!made) return std::unexpected(made.error());
        cgroup = std::move(*made);
    }
    auto spec = engine::worker_spec(model);
    // Said rather than left to the engine, so that it is known who fits beside whom (pool/turns.hpp).
    if (spec.threads == 0) spec.threads = static_cast<int>(engine::compute_cores().size());
    spec.shape = memory::within_trained_context(reduced(std::move(spec.shape), reduction), trained_context);
    auto worker =
        engine::Worker::start(executor, model.local->whisper ? built.whisper_binary : built.server_binary, spec,
                              built.runtime_dir / fmt::format("{}.sock", ++built.sockets), std::move(cgroup));
    if (!worker) return std::unexpected(worker.error());
    return std::make_shared<LlamaServer>(std::move(*worker), model, spec.threads,
                                         spec.shape.context_length / std::max(1, spec.shape.parallel),
                                         std::move(nodes));
}

pool::Needs needs_of(const memory::ModelPlan& plan, const memory::EngineShape& shape) {
    pool::Needs needs{.total = plan.pessimistic(),
                      .planned = plan.total(),
                      .context_length = shape.context_length,
                      .parallel = std::max(1, shape.parallel),
                      .kv_cache_type = shape.kv_cache_type,
                      .kv_quantisable = plan.kv_quantisable};
    if (plan.learned) needs.load_time = plan.learned->load_time;
    for (const auto& line : plan.lines) {
        if (line.what == "kv_cache") needs.kv_cache = line.bytes;
        if (line.what == "prompt_cache") needs.prompt_cache = line.bytes;
    }
    // The batches of an embedder grow with its context, and what else shrinks with it is not known by formula. What
    // hears has one context, as long as it was trained for.
    if (shape.embedding || shape.whisper) needs.context_length = 0;
    return needs;
}

// To a client a file that is missing or of an unknown kind is the server's trouble, not its own: neither 404 nor 400.
asio::awaitable<Result<pool::Measured>> measure_for_client(Measurer& measurer, const config::Model& model,
                                                           pool::Reduction reduction) {
    const auto shape = reduced(engine::shape_of(*model.local, model.kind), reduction);
    auto plan = co_await measurer.measure(shape);
    if (!plan && (plan.error().code == Code::not_found || plan.error().code == Code::unsupported ||
                  plan.error().code == Code::invalid_argument))
        plan.error().code = Code::corrupt_file;
    if (!plan) {
        plan.error().message = fmt::format("model '{}' cannot be loaded: {}", model.name, plan.error().message);
        co_return std::unexpected(plan.error());
    }
    auto needs = needs_of(*plan, shape);
    co_return pool::Measured{.plan = std::move(*plan), .needs = std::move(needs)};
}

asio::awaitable<Result<pool::ProbeReport>> probe(const config::Config& config, std::shared_ptr<Built> built,
                                                 pool::EndpointIndex endpoint) {
    const auto server = built->servers[endpoint];
    // A probe is short: a server that takes seconds to say its version is not back yet.
    config::TimeBudgets budgets{.connect = server.budgets.connect, .first_token = 2s, .silence = 2s, .total = 3s};
    const auto found = server.kind == config::BackendKind::ollama_http
                           ? co_await remote::probe_ollama(server.client, server.endpoint, budgets)
                           : co_await remote::probe_openai(server.client, server.endpoint, budgets);
    if (!found) co_return std::unexpected(found.error());
    pool::ProbeReport report{.round_trip = found->round_trip};
    if (!found->loaded) co_return report;
    auto& resident = report.resident.emplace();
    for (pool::ModelIndex i = 0; i < config.models.size(); ++i) {
        const auto& remote = config.models[i].remote;
        if (!remote || config.models[i].retired || !built->backends.contains({i, endpoint})) continue;
        const auto is_it = [&](const std::string& name) {
            return name == remote->model || name == remote->model + ":latest";
        };
        if (std::ranges::any_of(*found->loaded, is_it)) resident.push_back(i);
    }
    co_return report;
}

// Null where the model is all here.
Result<std::shared_ptr<void>> reserve_nodes(Built& built, const std::string& model, pool::ModelIndex index) {
    const auto& plan = built.node_plans[index];
    if (plan.empty()) return nullptr;
    if (auto reserved = built.nodes->reserve(index, model, plan); !reserved) return std::unexpected(reserved.error());
    return std::shared_ptr<void>(nullptr, [ledger = built.nodes, index](void*) { ledger->release(index); });
}

// The configuration was validated: both can be parsed.
void wake(const config::Endpoint& endpoint) {
    const auto mac = config::parse_mac(endpoint.mac);
    const auto to = config::parse_ipv4_address(endpoint.wake_address);
    if (!mac || !to) return;
    if (const auto sent = net::send_wake(*mac, to->address, to->port); !sent)
        spdlog::warn("endpoint {} cannot be woken: {}", endpoint.name, describe(sent.error()));
}

asio::awaitable<Result<pool::Measured>> measure_and_note(Measurer& measurer, const config::Model& model,
                                                         pool::Reduction reduction, std::shared_ptr<Built> built,
                                                         pool::ModelIndex index) {
    auto measured = co_await measure_for_client(measurer, model, std::move(reduction));
    if (!measured) co_return measured;
    built->trained_context[index] = measured->plan.trained_context;
    built->node_plans[index] = measured->plan.nodes;
    if (auto fits = built->nodes->fits(index, model.name, measured->plan.nodes); !fits)
        co_return std::unexpected(std::move(fits.error()));
    co_return measured;
}

// The configuration was validated: the name is there.
pool::ModelIndex index_of(const config::Config& config, std::string_view name) {
    const auto is_it = [&](const config::Model& model) { return !model.retired && model.name == name; };
    return static_cast<pool::ModelIndex>(std::ranges::find_if(config.models, is_it) - config.models.begin());
}

std::string stamp_of(const std::filesystem::path& file) {
    std::error_code ec;
    const auto size = std::filesystem::file_size(file, ec);
    if (ec) return fmt::format("{};", pool::stamp_of_no_file);
    return fmt::format("{} {};", size, std::filesystem::last_write_time(file, ec).time_since_epoch().count());
}

// Those programs that the models need; the others stay empty. What is retired has its programs already, and one of them
// may have been removed since: no reload fails for that.
struct Programs {
    std::filesystem::path server, whisper;
};
Result<Programs> find_programs(const config::Config& config, const config::Engine& engine) {
    Programs programs;
    for (const auto& model : config.models) {
        if (!model.local || model.retired) continue;
        auto& program = model.local->whisper ? programs.whisper : programs.server;
        if (!program.empty()) continue;
        auto found = engine::find_program(model.local->whisper ? "sarai-whisper" : engine.server_binary);
        if (!found) return std::unexpected(std::move(found.error()));
        program = std::move(*found);
    }
    return programs;
}

pool::ModelSpec spec_of(const config::Config& config, const config::Model& model) {
    pool::ModelSpec spec{.name = model.name,
                         .generative = model.kind == config::ModelKind::chat,
                         .endpoints = {},
                         .has_local = model.local.has_value(),
                         .pinned = model.pinned,
                         .priority = model.priority,
                         .ttl = model.ttl,
                         .slots = model.local ? model.local->parallel : 0,
                         .queue = {.length = model.queue.length, .patience = model.queue.max_wait},
                         .distance = distance_of(model.remote ? model.remote->wan : "use"),
                         .retired = model.retired,
                         .media_on_demand = model.local && model.local->mmproj && model.local->mmproj_on_demand,
                         .media_ttl = model.local ? model.local->mmproj_ttl : std::chrono::milliseconds{}};
    if (model.local)
        spec.may_give_up = {.kv_cache_type = model.local->kv_cache_type_fallback,
                            .min_context_length = model.local->min_context_length};
    // A model whose servers are not used (strategy native_gguf) cannot lose them. One that is retired may have named
    // models that are no more.
    if (model.remote && !model.retired) {
        for (const auto& name : model.on_loss.may_displace) spec.may_displace.push_back(index_of(config, name));
        if (model.on_loss.fallback != "local" && model.on_loss.fallback != "refuse")
            spec.stand_in = index_of(config, model.on_loss.fallback);
    }
    return spec;
}

// Requests that a retired model still has lose neither their stand-in nor the room that its fallback may make.
void keep_relations(const config::Config& config, const pool::ModelSpec& before, pool::ModelSpec& spec) {
    const auto now = [&](pool::ModelIndex other) {
        const auto found = index_of(config, config.models[other].name);
        return found < config.models.size() ? found : other;
    };
    for (const auto other : before.may_displace) spec.may_displace.push_back(now(other));
    if (before.stand_in) spec.stand_in = now(*before.stand_in);
}

// The models that the wiring does not have yet, and what the others say of each other.
Result<void> add_models(asio::any_io_executor executor, const config::Config& config, Wiring& wiring) {
    auto& built = *wiring.built;
    wiring.preload.clear();
    auto programs = find_programs(config, config.engine);
    if (!programs) return std::unexpected(std::move(programs.error()));
    // Those that were found first stay.
    if (built.server_binary.empty()) built.server_binary = std::move(programs->server);
    if (built.whisper_binary.empty()) built.whisper_binary = std::move(programs->whisper);
    for (pool::ModelIndex i = 0; i < config.models.size(); ++i) {
        const auto& model = config.models[i];
        auto spec = spec_of(config, model);
        if (i < wiring.models.size()) {
            spec.endpoints = wiring.models[i].endpoints;
            if (model.retired) keep_relations(config, wiring.models[i], spec);
            if (wiring.models[i].retired && !model.retired && model.preload && model.local) wiring.preload.push_back(i);
            wiring.models[i] = std::move(spec);
            continue;
        }
        if (model.remote)
            for (const auto& endpoint : model.remote->endpoints) {
                const auto index = add_server(built, wiring.endpoints, executor, *model.remote, endpoint);
                if (!index) return std::unexpected(index.error());
                spec.endpoints.push_back(*index);
                const auto& client = built.servers[*index].client;
                built.backends[{i, *index}] = model.remote->kind == config::BackendKind::ollama_http
                                                  ? remote::make_ollama_backend(client, *model.remote, endpoint)
                                                  : remote::make_openai_backend(client, *model.remote, endpoint);
            }
        if (model.preload && model.local && !model.retired) wiring.preload.push_back(i);
        wiring.models.push_back(std::move(spec));
    }
    return {};
}

}  // namespace

pool::Policy policy_named(std::string_view name) {
    if (name == "lru") return pool::Policy::lru;
    return name == "priority" ? pool::Policy::priority : pool::Policy::never_unload;
}

Result<Wiring> wire(asio::any_io_executor executor, const config::Config& config,
                    const std::filesystem::path& runtime_dir, Measurer& measurer,
                    std::shared_ptr<engine::CgroupTree> cgroups) {
    Wiring wiring;
    auto built = std::make_shared<Built>();
    built->runtime_dir = runtime_dir;
    built->cgroups = std::move(cgroups);
    wiring.built = built;
    if (auto added = add_models(executor, config, wiring); !added) return std::unexpected(added.error());
    wiring.ports.measure = [&config, &measurer, built](pool::ModelIndex i, const pool::Reduction& reduction) {
        return measure_and_note(measurer, config.models[i], reduction, built, i);
    };
    wiring.ports.file_stamp = [&config](pool::ModelIndex i) {
        const auto& local = config.models[i].local;
        if (!local) return std::string{};
        auto stamp = stamp_of(local->path);
        if (local->mmproj) stamp += stamp_of(*local->mmproj);
        return stamp;
    };
    wiring.ports.observed = [&measurer](pool::ModelIndex /*model*/, const memory::Observation& observation) {
        measurer.observed(observation);
    };
    wiring.ports.spawn = [&config, built, executor](pool::ModelIndex i, const pool::Reduction& reduction,
                                                    Bytes planned) {
        auto nodes = reserve_nodes(*built, config.models[i].name, i);
        if (!nodes) return Result<std::shared_ptr<pool::LocalWorker>>(std::unexpected(std::move(nodes.error())));
        return spawn(executor, *built, config.models[i], reduction, built->trained_context[i], planned,
                     std::move(*nodes));
    };
    wiring.ports.probe = [built, &config](pool::EndpointIndex i) { return probe(config, built, i); };
    wiring.ports.give_up = [built](pool::EndpointIndex i, pool::Clock::time_point since, const Error& why) {
        built->servers[i].client->give_up(since, why);
    };
    wiring.ports.wake = [built](pool::EndpointIndex i) { wake(built->servers[i].endpoint); };
    wiring.ports.remote = [built](pool::ModelIndex model, pool::EndpointIndex endpoint) {
        return built->backends.at({model, endpoint});
    };
    return wiring;
}

Result<void> can_be_wired(const config::Config& config, const config::Engine& engine) {
    if (auto found = find_programs(config, engine); !found) return std::unexpected(found.error());
    for (const auto& model : config.models) {
        if (!model.remote) continue;
        for (const auto& endpoint : model.remote->endpoints)
            if (auto origin = net::Origin::parse(endpoint.url); !origin) return std::unexpected(origin.error());
    }
    return {};
}

Result<void> rewire(asio::any_io_executor executor, const config::Config& config, Wiring& wiring) {
    return add_models(executor, config, wiring);
}

}  // namespace sarai::app
