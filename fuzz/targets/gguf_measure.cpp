// A GGUF file for the measuring child, which runs as app/measure.cpp runs it: it ends in its time, within a bounded
// amount of memory, and whatever becomes of it is a plan or a plain error. Whether the engine's loader survives the
// file is not our affair; that nothing but the child dies of it is.
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
#include "memory/plan.hpp"
#include "net/task_group.hpp"
#include "support/check.hpp"
#include "support/input.hpp"
#include "support/outside.hpp"

namespace sarai::fuzz {
namespace {

using namespace std::chrono_literals;
constexpr auto most_time = 30s;  // as app/measure.cpp allows

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

private:
    void write(std::string_view head, bool hole) const {
        std::ofstream(file_, std::ios::binary | std::ios::trunc) << head;
        if (hole) std::filesystem::resize_file(file_, head.size() + static_cast<std::size_t>(MiB(64).count));
    }

    boost::asio::awaitable<void> ask(std::optional<Result<memory::ModelPlan>>& plan) {
        const memory::EngineShape shape{.model = file_};
        auto child = engine::ChildProcess::start(io_.get_executor(),
                                                 {.program = program_, .arguments = memory::measure_arguments(shape)});
        require(child.has_value(), "the measuring child starts");
        const auto ended = co_await (*child)->wait_for(most_time);
        if (!ended) {
            (*child)->signal(SIGKILL);
            (void)co_await (*child)->wait();
            plan = fail(Code::timeout, "the measuring child takes longer than its time limit");
            co_return;
        }
        plan = memory::parse_measurement(shape, ended->signalled ? 128 + ended->code : ended->code, (*child)->output(),
                                         (*child)->last_words(3));
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

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sarai;
    static fuzz::Measuring measuring;
    fuzz::Input input(data, size);
    const bool hole = input.byte() % 2 == 1;
    measuring.measure(input.rest(), hole);
    fuzz::require(fuzz::most_memory() < GiB(2), "the measuring child takes little memory");
    return 0;
}
