#include "app/describe.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <thread>

#include "base/sha256.hpp"
#include "engine/process.hpp"
#include "engine/short_child.hpp"
#include "net/on_thread.hpp"
#include "net/task_group.hpp"

namespace sarai::app {
namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr std::size_t most_output = std::size_t{9} << 20;  // the child prints at most 8 MiB, and a line's end

std::string digest_of(const history::Stamp& stamp) {
    // Blobs are called by their digest; to compute that of 7 GB would take half a minute.
    constexpr std::string_view prefix = "sha256-";
    const auto name = stamp.path.filename().string();
    if (name.starts_with(prefix) && is_sha256_hex(std::string_view(name).substr(prefix.size())))
        return name.substr(prefix.size());
    return sha256_hex(fmt::format("{}\n{}\n{}", stamp.path.string(), stamp.size, stamp.modified));
}

asio::awaitable<Result<gateway::SharedFacts>> read(std::filesystem::path file) {
    const auto program = engine::find_program("sarai-measure");
    if (!program) co_return std::unexpected(program.error());
    const auto child = co_await engine::run_child(
        {.program = *program, .arguments = memory::describe_arguments(file), .most_output = most_output}, 30s,
        fmt::format("describing {}", file.string()));
    if (!child) co_return std::unexpected(child.error());
    co_return memory::parse_description(file, child->status, child->out, child->last_words)
        .transform([](memory::ModelFacts facts) -> gateway::SharedFacts {
            return std::make_shared<const memory::ModelFacts>(std::move(facts));
        });
}

// What another time may go well.
bool may_pass(const Error& error) { return error.code != Code::corrupt_file && error.code != Code::unsupported; }

struct Files {
    const std::vector<std::filesystem::path>& files;
    std::vector<Result<memory::ModelFacts>> facts;
    std::size_t next = 0;
};

// Several of these share the work.
asio::awaitable<void> describe_some(Files& work) {
    while (work.next < work.files.size()) {
        const auto mine = work.next++;
        std::error_code ignored;
        if (!std::filesystem::is_regular_file(work.files[mine], ignored)) {
            work.facts[mine] = fail(Code::not_found, fmt::format("{} is not there", work.files[mine].string()));
            continue;
        }
        auto facts = co_await read(work.files[mine]);
        work.facts[mine] = std::move(facts).transform([](const gateway::SharedFacts& shared) { return *shared; });
    }
}

}  // namespace

std::vector<Result<memory::ModelFacts>> describe_files(const std::vector<std::filesystem::path>& files) {
    Files work{.files = files, .facts = {}};
    work.facts.resize(files.size(), fail(Code::internal, "the description did not end"));
    asio::io_context io;
    net::TaskGroup tasks(io.get_executor());
    const auto children = std::max(2U, std::thread::hardware_concurrency());
    for (unsigned i = 0; i < children && i < files.size(); ++i) tasks.spawn("describe", describe_some(work));
    io.run();
    return std::move(work.facts);
}

std::vector<std::filesystem::path> model_files(const config::Config& config) {
    std::vector<std::filesystem::path> files;
    for (const auto& model : config.models) {
        if (!model.local || model.retired) continue;
        files.push_back(model.local->path);
        if (model.local->mmproj) files.push_back(*model.local->mmproj);
    }
    return files;
}

Describer::Describer(asio::any_io_executor executor) : answered_(executor, asio::steady_timer::time_point::max()) {}

Describer::~Describer() { thread_.join(); }

gateway::ModelFile Describer::look(const std::filesystem::path& file) const {
    const auto stamp = history::stamp_file(file);
    if (stamp.size < 0) return {.size = {}, .modified = {}, .digest = digest_of(stamp), .facts = {}};
    const auto known = known_.find(file);
    const bool current = known != known_.end() && known->second.stamp == stamp && known->second.facts;
    return {.size = Bytes{stamp.size},
            .modified = std::chrono::system_clock::time_point(std::chrono::nanoseconds(stamp.modified)),
            .digest = digest_of(stamp),
            .facts = current ? *known->second.facts : nullptr};
}

asio::awaitable<Result<gateway::SharedFacts>> Describer::describe(std::filesystem::path file) {
    while (asked_.contains(file)) co_await answered_.async_wait(asio::as_tuple(asio::use_awaitable));
    asked_.insert(file);
    const std::shared_ptr<void> end(nullptr, [this, &file](void*) {
        asked_.erase(file);
        answered_.cancel();
    });
    // Stamped before it is read: what replaces it meanwhile has another stamp, and is read again.
    auto stamp = co_await net::on_thread(thread_, [file] { return history::stamp_file(file); });
    if (const auto known = known_.find(file); known != known_.end() && known->second.stamp == stamp)
        co_return known->second.facts;
    auto facts = co_await read(file);
    if (facts || !may_pass(facts.error()))
        known_.insert_or_assign(file, Known{.stamp = std::move(stamp), .facts = facts});
    co_return facts;
}

asio::awaitable<void> Describer::describe_all(std::vector<std::filesystem::path> files) {
    std::erase_if(known_, [&](const auto& entry) { return !std::ranges::contains(files, entry.first); });
    for (const auto& file : files) {
        const auto facts = co_await describe(file);
        if (!facts) spdlog::warn("nothing is known of {}: {}", file.string(), sarai::describe(facts.error()));
    }
}

}  // namespace sarai::app
