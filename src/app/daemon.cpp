#include "app/daemon.hpp"

#include <unistd.h>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <csignal>
#include <random>

#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "app/body_memory.hpp"
#include "app/brought_models.hpp"
#include "app/budget.hpp"
#include "app/describe.hpp"
#include "app/enforcement.hpp"
#include "app/measure.hpp"
#include "app/plan_running.hpp"
#include "app/port_owner.hpp"
#include "app/router_eyes.hpp"
#include "app/wiring.hpp"
#include "cli/configuration.hpp"
#include "config/reload.hpp"
#include "engine/cores.hpp"
#include "engine/runtime_dir.hpp"
#include "gateway/gateway.hpp"
#include "gateway/shelf.hpp"
#include "history/store.hpp"
#include "library/library.hpp"
#include "media/normalizer.hpp"
#include "media/scratch_dir.hpp"
#include "memory/process_memory.hpp"
#include "net/quiet.hpp"
#include "net/service_manager.hpp"
#include "net/task_group.hpp"
#include "speech/speaker.hpp"
#include "web/searcher.hpp"

namespace sarai::app {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

std::string url_of(const config::Server& server, std::uint16_t port) {
    const auto* scheme = server.tls_certificate.empty() ? "http" : "https";
    return server.address.contains(':') ? fmt::format("{}://[{}]:{}", scheme, server.address, port)
                                        : fmt::format("{}://{}:{}", scheme, server.address, port);
}

// Resumes when nothing that was to be loaded at the start is still on its way.
asio::awaitable<void> settled(const pool::Pool& pool, const std::vector<pool::ModelIndex>& preload) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    const auto moving = [&](pool::ModelIndex i) {
        const auto state = pool.core().local(i).state;
        return state == pool::LocalState::measuring || state == pool::LocalState::loading;
    };
    while (std::ranges::any_of(preload, moving)) {
        pause.expires_after(10ms);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

// From the thread that does everything else: where that hangs, the service manager hears nothing and starts us again.
asio::awaitable<void> tell_alive(std::chrono::microseconds period) {
    asio::steady_timer pause(co_await asio::this_coro::executor);
    for (;;) {
        net::tell_service_manager("WATCHDOG=1");
        pause.expires_after(period / 2);
        co_await pause.async_wait(asio::use_awaitable);
    }
}

library::Sources sources_of(const config::Library& library) {
    library::Sources sources{.sources = {}, .hugging_face = library.hugging_face};
    for (const auto& source : library.sources) sources.sources.push_back({.name = source.name, .url = source.url});
    return sources;
}

// A server that may write nowhere still answers with text. Conversions are then refused one by one, with the cause, and
// go on once there is a folder.
std::optional<engine::PrivateDir> make_scratch() {
    auto made = media::make_scratch_dir();
    if (!made) {
        spdlog::warn("recordings and films cannot be taken: {}", describe(made.error()));
        return std::nullopt;
    }
    if (media::is_in_memory(made->path()))
        spdlog::warn(
            "recordings and files of conversions lie in {}, a tmpfs: RAM beside the budget; set TMPDIR to a "
            "folder on a disk",
            media::scratch_parent().string());
    return std::move(*made);
}

// Whoever asks once more while the last things are put away is not in so great a hurry as to leave them lying.
struct Deaf {
    ~Deaf() {
        for (const int number : {SIGINT, SIGTERM, SIGHUP}) std::signal(number, SIG_IGN);
    }
};

// Who asks us to end while we start is heard when we listen, and so that what was made until then is put away. Children
// do not inherit it, see engine/process.cpp.
class Patience {
public:
    Patience() {
        sigset_t ends;
        sigemptyset(&ends);
        for (const int number : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&ends, number);
        ::pthread_sigmask(SIG_BLOCK, &ends, &before_);
    }
    ~Patience() { end(); }
    Patience(const Patience&) = delete;
    Patience& operator=(const Patience&) = delete;
    void end() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

struct Daemon {
    config::Config config;  // what is served; changes when it is loaded again and when clients bring models
    const DaemonHooks& hooks;
    std::filesystem::path runtime_folder;
    std::filesystem::path scratch_folder;
    Patience& patience;
    config::Config configured;  // what of it the file says
    asio::io_context io{1};
    const Deaf deaf;
    asio::signal_set signals{io};
    net::TaskGroup tasks{io.get_executor()};
    // These go before `io`: their threads hand results back to it.
    Measurer measurer{config.engine};
    net::Gate plans{io.get_executor(), 2};  // that are made at once
    Describer describer{io.get_executor()};
    media::Fetcher fetcher{config.media};
    media::Converter converter{io.get_executor(), {.folder = scratch_folder}};
    media::Normalizer normalizer{config.media, fetcher, converter};
    web::Searcher searcher{config.web, fetcher};
    speech::Speaker speaker{io.get_executor(), config.speech};
    std::shared_ptr<gateway::LogRing> logs = std::make_shared<gateway::LogRing>(gateway::Gateway::log_lines);
    int status = 0;

    std::optional<library::Library> library;

    asio::awaitable<void> main() {
        configured = config;
        auto opened = library::Library::open(library_folder(config.library), {.reserve = GiB(1)});
        if (!opened) co_return give_up(opened.error());
        library.emplace(std::move(*opened));
        add_brought(config, *library);
        auto enforcement = choose_enforcement(config.memory.enforcement, CgroupFacts::of_process());
        if (!enforcement) co_return give_up(enforcement.error());
        const auto cgroups = enforcement->cgroups;
        auto wiring = wire(io.get_executor(), config, runtime_folder, measurer, cgroups);
        if (!wiring) co_return give_up(wiring.error());
        const auto machine = memory::read_machine_memory().total;
        const auto budget = budget_of(config.memory, machine);
        asio::any_io_executor executor = io.get_executor();
        const auto preload = wiring->preload;
        pool::WatchRules watch{
            .enforcement = enforcement->shown, .budget = budget, .reserve = config.memory.reserve, .pinned = {}};
        watch.stranger = hooks.stranger;
        for (const auto& model : config.models) watch.pinned.push_back(model.pinned);
        // The stalls of our own subtree tell more than the machine's.
        if (cgroups) watch.pressure = cgroups->pressure();
        pool::Pool pool(io.get_executor(),
                        {.budget = budget,
                         .own = own_reserve,
                         .max_concurrent_llms = config.memory.max_concurrent_llms,
                         .policy = policy_named(config.memory.policy),
                         .machine = std::max(Bytes{}, machine - config.memory.reserve),
                         .cores = static_cast<int>(engine::compute_cores().size()),
                         .health = {.check_interval = 10s, .jitter = 0.2, .seed = std::random_device{}()}},
                        wiring->models, wiring->endpoints, std::move(wiring->ports), std::move(watch));
        converter.count_memory([&pool](Bytes bytes) { return pool.set_aside(bytes, "converting it"); });
        speaker.count_memory([&pool](Bytes bytes) { return pool.set_aside(bytes, "speaking"); });
        const std::shared_ptr<void> no_pool(nullptr, [this](void*) {
            converter.count_memory({});
            speaker.count_memory({});
        });
        auto eyes = open_eyes(config.routing);
        if (!eyes) co_return give_up(eyes.error());
        net::TaskGroup side(io.get_executor());
        const auto reload = [&]() {
            auto result = load_again(executor, *wiring, pool, machine);
            if (result) side.spawn("describe", describer.describe_all(model_files(config)));
            return result;
        };
        std::shared_ptr<gateway::Tracer> tracer;
        if (!config.telemetry.otlp_endpoint.empty()) {
            auto made = gateway::Tracer::create(executor, config.telemetry.otlp_endpoint, version);
            if (!made) co_return give_up(made.error());
            tracer = std::move(*made);
        }
        const auto relist = [&]() -> Result<void> {
            auto fresh = configured;
            add_brought(fresh, *library);
            auto done = take_over(fresh, executor, *wiring, pool, machine);
            if (!done) return std::unexpected(done.error());
            side.spawn("describe", describer.describe_all(model_files(config)));
            return {};
        };
        const auto of_the_file = [this](std::string_view name) -> std::optional<std::string> {
            const auto model = gateway::find_model(configured, name);
            if (!model) return std::nullopt;
            return configured.models[*model].name;
        };
        const auto limits = [this, machine] {
            return gateway::MemoryLimits{.budget = budget_of(config.memory, machine),
                                         .own = own_reserve,
                                         .machine = std::max(Bytes{}, machine - config.memory.reserve)};
        };
        gateway::Shelf shelf(*library, sources_of(config.library), describer, of_the_file, relist, limits);
        gateway::Gateway gateway({.config = config,
                                  .pool = pool,
                                  .catalogue = describer,
                                  .shelf = shelf,
                                  .version = version,
                                  .reload = reload,
                                  .plan =
                                      [this](std::string what_if) {
                                          auto planned = configured;
                                          add_brought(planned, *library);
                                          return plan_running(measurer, plans, std::move(planned), std::move(what_if));
                                      },
                                  .logs = logs,
                                  .tracer = tracer,
                                  .eyes = std::move(*eyes),
                                  .state_folder = history::state_folder(config.engine.state_dir),
                                  .media = &normalizer,
                                  .web = &searcher,
                                  .speaker = &speaker});
        std::shared_ptr<net::TlsFront> tls;
        if (!config.server.tls_certificate.empty()) {
            auto made = net::TlsFront::create(executor, config.server.tls_certificate, config.server.tls_key);
            if (!made) co_return give_up(made.error());
            tls = std::move(*made);
        }
        const auto bodies = std::make_shared<BodyMemory>(pool);
        const std::shared_ptr<void> no_bodies(nullptr, [bodies](void*) { bodies->close(); });
        net::HttpServer server(
            io.get_executor(),
            {.max_body = config.server.max_request_body,
             .count_bodies = [bodies](Bytes held) { return bodies->hold(held); },
             .request = config.server.header_timeout,
             .admit = [&gateway](net::Exchange& exchange) { return gateway.knock(exchange); },
             .streams_body = &gateway::Gateway::streams_body},
            [&](net::Exchange& exchange) { return gateway.handle(exchange); }, &gateway::Gateway::refuse, tls);

        const bool had_terminal = ::isatty(STDIN_FILENO) == 1;
        // Whoever sees that we listen may ask us to end.
        for (const int number : {SIGINT, SIGTERM, SIGHUP}) signals.add(number);
        patience.end();
        const auto port = server.listen(config.server.address, config.server.port);
        if (!port) co_return give_up(explain_port(port.error()));
        const auto url = url_of(config.server, *port);
        spdlog::info("listening on {}, memory budget {}", url, to_string(budget));
        if (!config.server.loopback && config.access.keys.empty())
            spdlog::warn("whoever reaches {} may use it: it asks for no key (server.insecure)", url);
        spdlog::info("memory enforcement: {} ({})", enforcement->shown.mode, enforcement->shown.why);
        pool.start(preload);
        side.spawn("describe", describer.describe_all(model_files(config)));
        if (hooks.on_listening) hooks.on_listening(url);
        const auto announce = [&]() -> asio::awaitable<void> {
            co_await settled(pool, preload);
            if (hooks.on_ready) hooks.on_ready(url);
        };
        side.spawn("start", announce());
        net::tell_service_manager("READY=1");
        // Also while it ends: `alive` goes last.
        net::TaskGroup alive(io.get_executor());
        if (const auto period = net::watchdog_period()) alive.spawn("watchdog", tell_alive(*period));

        auto [ec, number] = co_await signals.async_wait(net::quiet);
        // A terminal that was closed hangs up whoever it has started: nobody is there any more to end the server.
        const auto hung_up = [had_terminal] { return had_terminal && ::isatty(STDIN_FILENO) == 0; };
        while (!ec && number == SIGHUP && !hung_up()) {
            if (auto reloaded = reload(); !reloaded) spdlog::error("not reloaded: {}", describe(reloaded.error()));
            std::tie(ec, number) = co_await signals.async_wait(net::quiet);
        }
        const bool at_terminal = number == SIGINT;
        spdlog::info("{}: finishing {} connections", at_terminal ? "interrupted" : "asked to end",
                     server.connections());
        net::tell_service_manager("STOPPING=1");
        side.cancel_all();
        logs->close();
        // A second signal means: at once.
        const auto drain = [&]() -> asio::awaitable<void> {
            co_await server.drain(at_terminal ? 500ms : config.server.drain_timeout);
            signals.cancel();
        };
        side.spawn("drain", drain());
        for (;;) {
            const auto [cancelled, again] = co_await signals.async_wait(net::quiet);
            if (!cancelled && again == SIGHUP) continue;  // too late for that
            if (!cancelled) {
                side.cancel_all();
                co_await server.drain(0ms);
            }
            break;
        }
        co_await pool.shutdown(at_terminal ? 500ms : 3000ms);
        if (tracer) co_await tracer->stop();
        (void)co_await side.join(100ms);
        alive.cancel_all();
        (void)co_await alive.join(100ms);
        spdlog::info("ended");
    }

    // All or nothing: what cannot be used changes nothing.
    Result<config::Reloaded> load_again(asio::any_io_executor executor, Wiring& wiring, pool::Pool& pool,
                                        Bytes machine) {
        if (config.file.empty())
            return fail(Code::unsupported, "this server has no configuration file that could be loaded again");
        auto fresh = cli::load_config(config.file, config::Environment::of_process());
        if (!fresh) return std::unexpected(fresh.error());
        auto said = *fresh;
        add_brought(*fresh, *library);
        auto result = take_over(*fresh, executor, wiring, pool, machine);
        if (!result) return result;
        configured = std::move(said);
        spdlog::info("loaded {} again: {} models kept, {} changed, {} added, {} removed{}", config.file.string(),
                     result->kept.size(), result->changed.size(), result->added.size(), result->removed.size(),
                     result->needs_restart.empty()
                         ? ""
                         : fmt::format("; only a restart changes {}", fmt::join(result->needs_restart, ", ")));
        return result;
    }

    Result<config::Reloaded> take_over(const config::Config& fresh, asio::any_io_executor executor, Wiring& wiring,
                                       pool::Pool& pool, Bytes machine) {
        if (auto possible = can_be_wired(fresh, config.engine); !possible) return std::unexpected(possible.error());
        auto result = config::reload(config, fresh);
        if (auto done = rewire(executor, config, wiring); !done) return std::unexpected(done.error());
        pool.apply({.models = wiring.models,
                    .endpoints = wiring.endpoints,
                    .preload = wiring.preload,
                    .max_concurrent_llms = config.memory.max_concurrent_llms,
                    .policy = policy_named(config.memory.policy),
                    .budget = budget_of(config.memory, machine)});
        return result;
    }

    void give_up(const Error& error) {
        fmt::print(stderr, "sarai: {}\n", describe(error));
        status = exit_status(error.code);
    }
    Error explain_port(Error error) const {
        if (error.cause != std::errc::address_in_use) return error;
        const auto owner = find_port_owner(config.server.port);
        error.message = fmt::format("port {} of {} is taken{}", config.server.port, config.server.address,
                                    owner ? fmt::format(" by process {}: {}", owner->pid, owner->command) : "");
        error.cause = {};
        error.hint = "End that process or set server.listen (SARAI_SERVER_LISTEN) to another port.";
        return error;
    }
};

}  // namespace

int run_daemon(const config::Config& config, const DaemonHooks& hooks) {
    Patience patience;
    auto runtime = engine::make_runtime_dir(config.engine.runtime_dir);
    if (!runtime) {
        fmt::print(stderr, "sarai: {}\n", describe(runtime.error()));
        return exit_status(runtime.error().code);
    }
    const auto scratch = make_scratch();
    Daemon daemon{config, hooks, runtime->path(), scratch ? scratch->path() : media::scratch_parent(), patience};
    spdlog::default_logger()->sinks().push_back(daemon.logs);
    daemon.tasks.spawn("sarai", daemon.main());
    daemon.io.run();
    return daemon.status;
}

}  // namespace sarai::app
