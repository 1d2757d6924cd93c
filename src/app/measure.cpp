#include "app/measure.hpp"

#include <fmt/format.h>

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <utility>

#include "engine/amx.hpp"
#include "engine/process.hpp"
#include "engine/short_child.hpp"
#include "history/key.hpp"
#include "net/on_thread.hpp"

namespace sarai::app {
namespace asio = boost::asio;
using namespace std::chrono_literals;

// What the history says of a shape. An empty key: it cannot be told apart from others, so nothing is kept of it.
struct Measurer::Known {
    std::vector<history::Stamp> programs;
    history::Surroundings surroundings;
    std::optional<history::FileIdentity> model;
    std::optional<history::FileIdentity> mmproj;
    std::string key;
    std::optional<std::string> printed;
    std::optional<memory::Learned> learned;
};

namespace {

asio::awaitable<Result<engine::ShortChild>> ask(const std::filesystem::path& program,
                                                const memory::EngineShape& shape) {
    co_return co_await engine::run_child(
        {.program = program, .arguments = memory::measure_arguments(shape), .cage = engine::cage_of(shape)}, 30s,
        fmt::format("measuring {}", shape.model.string()));
}

// What the loader would load for the server: it has libraries that the measuring child has not. 5 ms, and only beside a
// measurement. `--version` is for a program that has no loader.
asio::awaitable<std::vector<std::filesystem::path>> trace(const std::filesystem::path& server) {
    auto child = engine::ChildProcess::start(
        co_await asio::this_coro::executor,
        {.program = server, .arguments = {"--version"}, .environment = {{"LD_TRACE_LOADED_OBJECTS", "1"}}});
    if (!child || !co_await (*child)->wait_for(5s)) co_return std::vector<std::filesystem::path>{};
    co_return history::traced_libraries((*child)->output());
}

std::string key_of(const memory::EngineShape& shape, const std::vector<history::Stamp>& programs,
                   const std::vector<std::filesystem::path>& libraries, const history::Surroundings& surroundings,
                   const history::FileIdentity& model, const std::optional<history::FileIdentity>& mmproj) {
    auto stamps = history::stamp_files(libraries);
    stamps.insert(stamps.end(), programs.begin(), programs.end());
    return history::plan_key(shape, model, mmproj, history::build_key(std::move(stamps), surroundings));
}

Result<memory::ModelPlan> completed(Result<memory::ModelPlan> plan, std::string key,
                                    std::optional<memory::Learned> learned, bool cached) {
    if (!plan) return plan;
    plan->key = std::move(key);
    plan->learned = learned;
    plan->cached = cached;
    return plan;
}

}  // namespace

Measurer::Measurer(const config::Engine& engine)
    : server_binary_(engine.server_binary), folder_(history::state_folder(engine.state_dir)) {}

std::string Measurer::server_of(const memory::EngineShape& shape) const {
    return shape.whisper ? std::string(memory::measuring_program(shape)) : server_binary_;
}

Measurer::~Measurer() { thread_.join(); }

history::Store& Measurer::store() {
    if (!store_) store_.emplace(history::Store::open(folder_));
    return *store_;
}

Measurer::Known Measurer::look_up(const memory::EngineShape& shape) {
    Known known{.surroundings = history::look_around(), .model = history::identify_file(shape.model)};
    if (shape.mmproj) known.mmproj = history::identify_file(*shape.mmproj);
    for (const auto& name : {server_of(shape), std::string(memory::measuring_program(shape))})
        if (const auto program = engine::find_program(name)) known.programs.push_back(history::stamp_file(*program));
    if (!known.model || (shape.mmproj && !known.mmproj)) return known;
    const auto libraries = store().libraries(history::build_key(known.programs, known.surroundings));
    if (!libraries) return known;
    known.key = key_of(shape, known.programs, *libraries, known.surroundings, *known.model, known.mmproj);
    known.printed = store().plan(known.key);
    if (known.printed) known.learned = store().learned(known.key);
    return known;
}

Measurer::Known Measurer::keep(const memory::EngineShape& shape, Known before,
                               std::vector<std::filesystem::path> libraries, std::string_view printed) {
    // Which of two contents was measured, if it was replaced meanwhile, nobody knows.
    auto now = look_up(shape);
    now.key.clear();
    if (!now.model || now.model != before.model || now.mmproj != before.mmproj || now.programs != before.programs ||
        libraries.empty())
        return now;
    store().keep_libraries(history::build_key(now.programs, now.surroundings), libraries);
    now.key = key_of(shape, now.programs, libraries, now.surroundings, *now.model, now.mmproj);
    store().keep_plan(now.key, printed);
    now.learned = store().learned(now.key);
    return now;
}

asio::awaitable<Result<memory::ModelPlan>> Measurer::measure(memory::EngineShape shape) {
    const auto program = engine::find_program(std::string(memory::measuring_program(shape)));
    if (!program) co_return std::unexpected(program.error());
    auto known = co_await net::on_thread(thread_, [this, shape] { return look_up(shape); });
    // What nodes have, and whether they are there, may have changed since.
    if (known.printed && shape.nodes.empty()) {
        auto plan = memory::parse_measurement(shape, 0, *known.printed, "");
        if (plan) co_return completed(std::move(plan), std::move(known.key), known.learned, true);
    }
    std::vector<std::filesystem::path> libraries;
    if (const auto server = engine::find_program(server_of(shape))) libraries = co_await trace(*server);
    const auto printed = co_await ask(*program, shape);
    if (!printed) co_return std::unexpected(printed.error());
    auto plan = memory::parse_measurement(shape, printed->status, printed->out, printed->last_words);
    if (!plan) co_return plan;
    const auto own = memory::engine_libraries(printed->out);
    if (own.empty()) libraries.clear();
    libraries.insert(libraries.end(), own.begin(), own.end());
    auto kept = co_await net::on_thread(thread_, [this, shape, before = std::move(known),
                                                  libraries = std::move(libraries), text = printed->out]() mutable {
        return keep(shape, std::move(before), std::move(libraries), text);
    });
    co_return completed(std::move(plan), std::move(kept.key), kept.learned, false);
}

void Measurer::observed(memory::Observation observation) {
    asio::post(thread_, [this, seen = std::move(observation)] { store().add(seen); });
}

}  // namespace sarai::app
