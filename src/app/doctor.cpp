#include "app/doctor.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <deque>
#include <memory>
#include <ostream>
#include <stop_token>

#include "app/doctor_engine.hpp"
#include "app/doctor_folders.hpp"
#include "app/doctor_models.hpp"
#include "app/doctor_servers.hpp"
#include "app/plan.hpp"
#include "cli/io.hpp"
#include "config/file.hpp"
#include "knowledge/store.hpp"
#include "memory/process_memory.hpp"
#include "net/on_thread.hpp"
#include "net/task_group.hpp"

namespace sarai::app {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using namespace std::chrono_literals;
using cli::CheckState;

constexpr auto patience_with_store = 10s;

// Blocks while a database answers, until it is asked to stop. Makes nothing.
cli::Check look_at_knowledge(const std::string& where, const std::stop_token& stop) {
    cli::Check check{.group = "programs", .name = "documents", .text = {}};
    const bool database = where.contains("://");
    // Without what an address of PostgreSQL may hold of passwords.
    const auto name = database ? "PostgreSQL" : where;
    const auto trouble = [&](Error error) {
        if (error.code == Code::cancelled)
            error = {.code = Code::timeout,
                     .message = fmt::format("{}: no answer within {} s", name, patience_with_store.count())};
        return failed(check.group, check.name, error);
    };
    const auto store = knowledge::open_store(where, {.look = true, .stop = stop});
    if (!store && store.error().code == Code::not_found) {
        check.text = database ? "PostgreSQL: none yet; the schema sarai_knowledge will be made"
                              : fmt::format("none yet; {} will be made", where);
        return check;
    }
    if (!store) return trouble(store.error());
    const auto collections = (*store)->collections();
    if (!collections) return trouble(collections.error());
    check.text =
        fmt::format("{}: {} {}", name, collections->size(), collections->size() == 1 ? "collection" : "collections");
    return check;
}

bool wants_documents(const config::Config& config) {
    if (!config.knowledge.store.empty()) return true;
    return std::ranges::any_of(config.pipelines, [](const auto& pipeline) {
        return !pipeline.built_in &&
               std::ranges::any_of(pipeline.steps, [](const auto& step) { return !step.knowledge.empty(); });
    });
}

// What waits for programs and the network runs at the same time; its checks stand where they were asked for.
class Examination {
public:
    void add(Checks checks) { parts_.push_back(std::move(checks)); }
    void add(cli::Check check) { parts_.push_back({std::move(check)}); }
    void start(asio::awaitable<Checks> look) {
        parts_.emplace_back();
        ++begun_;
        tasks_.spawn("doctor", fill(parts_.back(), std::move(look)));
    }
    void start(asio::awaitable<cli::Check> look) {
        start([](asio::awaitable<cli::Check> one) -> asio::awaitable<Checks> {
            co_return Checks{co_await std::move(one)};
        }(std::move(look)));
    }
    void start_files(const cli::Written& written) {
        for (const auto& model : written.config.models)
            if (model.local && !model.retired) start(look_at_files(describer_, written, model));
    }
    void start_knowledge(std::string where) {
        start([](asio::thread_pool& thread, std::string place) -> asio::awaitable<cli::Check> {
            std::stop_source late;
            asio::steady_timer timer(co_await asio::this_coro::executor, patience_with_store);
            timer.async_wait([late](boost::system::error_code ended) mutable {
                if (!ended) late.request_stop();
            });
            co_return co_await net::on_thread(
                thread, [place = std::move(place), stop = late.get_token()] { return look_at_knowledge(place, stop); });
        }(thread_, std::move(where)));
    }

    // Waits for all.
    void run() {
        if (::isatty(STDERR_FILENO) != 0 && begun_ > 0) tasks_.spawn("progress", show_progress());
        io_.run();
    }
    [[nodiscard]] Checks checks() const {
        Checks all;
        for (const auto& part : parts_) all.insert(all.end(), part.begin(), part.end());
        return all;
    }

private:
    asio::awaitable<void> fill(Checks& part, asio::awaitable<Checks> look) {
        const std::shared_ptr<void> end(nullptr, [this](void*) {
            if (++done_ == begun_) timer_.cancel();
        });
        part = co_await std::move(look);
    }
    asio::awaitable<void> show_progress() {
        auto pause = 1000ms;
        bool shown = false;
        while (done_ < begun_) {
            timer_.expires_after(pause);
            boost::system::error_code ended;
            co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ended));
            if (done_ == begun_) break;
            fmt::print(stderr, "\rlooking: {} of {} done", done_, begun_);
            std::fflush(stderr);
            shown = true;
            pause = 200ms;
        }
        if (shown) fmt::print(stderr, "\r\x1b[K");
    }

    asio::io_context io_{1};
    asio::thread_pool thread_{1};
    Describer describer_{io_.get_executor()};
    asio::steady_timer timer_{io_};
    net::TaskGroup tasks_{io_.get_executor()};
    std::deque<Checks> parts_;  // references to them stay
    int begun_ = 0;
    int done_ = 0;
};

Checks look_at_configuration(const cli::DoctorOptions& options) {
    cli::Check check{.group = "configuration", .name = "file", .text = {}};
    if (!options.file) {
        check.text = "none was found: the machine alone is looked at";
        check.advice = "Name one with --config.";
        return {check};
    }
    const auto file = options.file->string();
    if (options.config) {
        check.text = fmt::format("{} is valid: {} {}", file, options.config->models.size(),
                                 options.config->models.size() == 1 ? "model" : "models");
        return {check};
    }
    Checks checks;
    check.state = CheckState::fail;
    for (const auto& problem : options.problems) {
        check.text = config::to_string(problem);
        check.place = problem.line > 0 ? fmt::format("{}:{}", file, problem.line) : file;
        checks.push_back(check);
    }
    return checks;
}

// What the file says, for its lines. It was read before without an error.
config::Node tree_of(const fs::path& file) {
    const auto text = config::read_text(file);
    if (!text) return {};
    return config::parse_yaml(*text).value_or(config::Node{});
}

// Looks at all that the configuration names.
void start_all(Examination& examination, const cli::Written& written) {
    const auto& config = written.config;
    examination.start_files(written);
    for (auto& server : servers_of(written)) examination.start(look_at_server(std::move(server)));
    if (!config.web.url.empty())
        examination.start(look_at_search(config.web.url, config.web.api_key, written.place({"web", "url"})));
    if (!config.telemetry.otlp_endpoint.empty())
        examination.start(look_at_url("telemetry", config.telemetry.otlp_endpoint, {}, "/",
                                      written.place({"telemetry", "otlp_endpoint"})));
    if (wants_documents(config)) {
        examination.start_knowledge(knowledge::store_place(config.knowledge.store, config.engine.state_dir));
        examination.start(look_at_program("pdftotext", "-v", "PDF files cannot be added to documents"));
    }
    if (std::ranges::any_of(config.models, [](const auto& model) { return model.local && model.local->whisper; }))
        examination.start(look_at_program("sarai-whisper", "--help", "models with backend whisper cannot be loaded"));
    // Speech is always offered, in formats that ffmpeg makes.
    examination.start(look_at_program("espeak-ng", "--version", "nothing can be spoken"));
    for (const auto* name : {"ffmpeg", "ffprobe"})
        examination.start(look_at_program(name, "-version", "sound, films and many pictures are refused"));
}

}  // namespace

int run_doctor(const cli::DoctorOptions& options) {
    const auto config = options.config.value_or(config::Config{});
    const auto file = options.config ? tree_of(*options.file) : config::Node{};
    const cli::Written written{.config = config, .file = file};
    const bool local =
        !options.config || std::ranges::any_of(config.models, [](const auto& m) { return m.local.has_value(); });

    Examination examination;
    examination.add(look_at_configuration(options));
    if (options.config) examination.add(look_at_secrets(written));
    examination.add(look_at_machine(options.config ? &written : nullptr));
    if (options.config || !options.file) {  // else nobody knows which port and folders are meant
        examination.add(look_at_port(config.server, options.config ? written.place({"server", "listen"}) : ""));
        examination.add(look_at_folders(config));
    }
    if (local) examination.start(look_at_engine(config.engine));
    if (options.config) start_all(examination, written);
    examination.run();

    auto checks = examination.checks();
    if (options.config) {
        std::optional<cli::PlanReport> plan;
        if (local) {
            plan = plan_config(config, memory::read_machine_memory().total);
            std::ranges::move(look_at_plan(written, *plan, checks), std::back_inserter(checks));
        }
        std::ranges::move(cli::advise(written, plan ? &*plan : nullptr), std::back_inserter(checks));
    }
    cli::Io::of_process().out << (options.json ? cli::doctor_json(checks)
                                               : cli::doctor_text(checks, screen_of_process()));
    return cli::doctor_status(checks);
}

}  // namespace sarai::app
