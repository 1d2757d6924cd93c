// A GGUF file for the measuring child, asked for a plan and for a description as the app asks it: it ends in its time,
// within a bounded amount of memory, and whatever becomes of it is an answer or a plain error. Whether the engine's
// loader survives the file is not our affair; that nothing but the child dies of it is.
//
// The first byte says how the file goes on behind the input: with nothing, or with a hole of 64 MiB, so that tensors
// which the head announces lie within the file.
//
// options: -dict=fuzz/dictionaries/gguf.dict -max_len=65536 -timeout=60 -len_control=0
#include <sys/resource.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <csignal>
#include <fstream>
#include <string>

#include "base/bytes.hpp"
#include "engine/process.hpp"
#include "memory/model_facts.hpp"
#include "memory/plan.hpp"
#include "net/task_group.hpp"
#include "support/check.hpp"
#include "support/input.hpp"
#include "support/outside.hpp"
#include "support/target.hpp"

namespace sarai::fuzz {
namespace {

using namespace std::chrono_literals;
constexpr auto most_time = 30s;  // as the app allows

class Measuring {
public:
    void measure(std::string_view head, bool hole) {
        write(head, hole);
        std::optional<Result<memory::ModelPlan>> plan;
        net::TaskGroup tasks(io_.get_executor());
        tasks.spawn("measure", ask(plan));
        io_.restart();  // it stopped when the last measurement had ended
        while (tasks.size() > 0) io_.run_one();
        require(plan.has_value(), "a measurement ends");
        if (*plan) return require((*plan)->total() > Bytes{}, "a worker takes some memory");
        const auto& error = plan->error();
        require(!error.message.empty(), "a failed measurement says why");
        require(error.code != Code::internal && error.code != Code::timeout, error.message);
    }

    // The same for what the file says of itself.
    void describe() {
        std::optional<Result<memory::ModelFacts>> facts;
        net::TaskGroup tasks(io_.get_executor());
        tasks.spawn("describe", ask_for_facts(facts));
        io_.restart();
        while (tasks.size() > 0) io_.run_one();
        require(facts.has_value(), "a description ends");
        if (*facts) return require(!(*facts)->architecture.empty(), "a description names the architecture");
        const auto& error = facts->error();
        require(error.code != Code::internal && error.code != Code::timeout && !error.message.empty(), error.message);
    }

private:
    void write(std::string_view head, bool hole) const {
        std::ofstream(file_, std::ios::binary | std::ios::trunc) << head;
        if (hole) std::filesystem::resize_file(file_, head.size() + static_cast<std::size_t>(MiB(64).count));
    }

    struct Printed {
        int status = 0;
        std::string out;
        std::string last_words;
    };
    boost::asio::awaitable<Result<Printed>> run(std::vector<std::string> arguments) {
        auto child = engine::ChildProcess::start(
            io_.get_executor(),
            {.program = program_, .arguments = std::move(arguments), .most_output = std::size_t{9} << 20U});
        require(child.has_value(), "the measuring child starts");
        const auto ended = co_await (*child)->wait_for(most_time);
        if (!ended) {
            (*child)->signal(SIGKILL);
            (void)co_await (*child)->wait();
            co_return fail(Code::timeout, "the measuring child takes longer than its time limit");
        }
        co_return Printed{.status = ended->signalled ? 128 + ended->code : ended->code,
                          .out = (*child)->output(),
                          .last_words = (*child)->last_words(3)};
    }

    boost::asio::awaitable<void> ask(std::optional<Result<memory::ModelPlan>>& plan) {
        const memory::EngineShape shape{.model = file_};
        const auto printed = co_await run(memory::measure_arguments(shape));
        plan = printed ? memory::parse_measurement(shape, printed->status, printed->out, printed->last_words)
                       : std::unexpected(printed.error());
    }

    boost::asio::awaitable<void> ask_for_facts(std::optional<Result<memory::ModelFacts>>& facts) {
        const auto printed = co_await run(memory::describe_arguments(file_));
        facts = printed ? memory::parse_description(file_, printed->status, printed->out, printed->last_words)
                        : std::unexpected(printed.error());
    }

    boost::asio::io_context io_;
    PrivateFolder folder_;
    std::filesystem::path file_ = folder_.path() / "model.gguf";
    std::filesystem::path program_ = engine::find_program("sarai-measure").value();
};

// The most that any child had resident.
Bytes most_memory() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return KiB(usage.ru_maxrss);
}

}  // namespace
}  // namespace sarai::fuzz

FUZZ_TARGET(gguf_measure) {
    using namespace sarai;
    static fuzz::Measuring measuring;
    fuzz::Input input(data, size);
    const bool hole = input.byte() % 2 == 1;
    measuring.measure(input.rest(), hole);
    measuring.describe();
    fuzz::require(fuzz::most_memory() < GiB(2), "the measuring child takes little memory");
    return 0;
}
