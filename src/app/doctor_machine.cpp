#include "app/doctor_machine.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "app/budget.hpp"
#include "app/enforcement.hpp"
#include "app/port_owner.hpp"
#include "engine/cores.hpp"
#include "engine/cpu.hpp"
#include "engine/program.hpp"
#include "memory/container.hpp"
#include "memory/process_memory.hpp"

namespace sarai::app {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using cli::CheckState;

constexpr std::string_view machine_group = "machine";

std::string read_file(const char* path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return std::move(text).str();
}

cli::Check machine_row(std::string name, CheckState state, std::string text, std::string advice = {},
                       std::string place = {}) {
    return {std::string(machine_group), std::move(name), state, std::move(text), std::move(advice), std::move(place)};
}

void look_at_cpu(Checks& checks, const std::string& own_cgroup) {
    const auto cpu = engine::parse_cpuinfo(read_file("/proc/cpuinfo"));
    const auto cores = static_cast<int>(engine::compute_cores().size());
    const auto name = cpu.name.empty() ? std::string("unknown processor") : cpu.name;
    checks.push_back(machine_row("cpu", CheckState::ok,
                                 fmt::format("{}: {} physical {} to compute with, {} logical", name, cores,
                                             cores == 1 ? "core" : "cores", cpu.logical)));
    const bool is_x86 = std::ranges::contains(cpu.features, "sse4_2");
    const bool slow = is_x86 && !std::ranges::contains(cpu.features, "avx2");
    checks.push_back(machine_row(
        "instructions", slow ? CheckState::warn : CheckState::ok,
        cpu.features.empty() ? "none that the engine has code for" : fmt::format("{}", fmt::join(cpu.features, ", ")),
        slow ? "Without avx2 answers take several times as long; a virtual machine may hide it (CPU model \"host\")."
             : ""));
    const auto quota = engine::read_cpu_quota(own_cgroup);
    if (!quota) return;
    const bool less = *quota < cores;
    checks.push_back(
        machine_row("cpu quota", less ? CheckState::warn : CheckState::ok,
                    fmt::format("the control group allows {:.3g} CPUs", *quota),
                    less ? fmt::format("threads: {} for each local model; {} of them would wait for each other",
                                       std::max(1, static_cast<int>(std::floor(*quota))), cores)
                         : ""));
}

// kB of a line of /proc/meminfo, as bytes.
Bytes meminfo(const std::string& text, std::string_view key) {
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);)
        if (line.starts_with(key)) return KiB(std::atoll(line.c_str() + key.size()));
    return {};
}

void look_at_memory(Checks& checks, const std::string& own_cgroup) {
    const auto machine = memory::read_machine_memory();
    const bool known = machine.total != Bytes{};
    checks.push_back(
        machine_row("memory", known ? CheckState::ok : CheckState::warn,
                    known ? fmt::format("{}, {} available", to_string(machine.total), to_string(machine.available))
                          : "how much there is cannot be read",
                    known ? "" : "Set memory.max_ram, which is then the budget."));
    if (const auto limit = memory::read_container_memory(own_cgroup))
        checks.push_back(machine_row("memory limit", CheckState::ok,
                                     fmt::format("the control group allows {}, {} are left", to_string(limit->limit),
                                                 to_string(limit->available))));
    const auto text = read_file("/proc/meminfo");
    const auto swap = meminfo(text, "SwapTotal:");
    const auto used = swap - meminfo(text, "SwapFree:");
    const bool busy = used.count > swap.count / 2;
    checks.push_back(
        machine_row("swap", busy ? CheckState::warn : CheckState::ok,
                    swap == Bytes{} ? "none" : fmt::format("{}, {} in use", to_string(swap), to_string(used)),
                    busy ? "A worker that was swapped out answers very slowly: end other programs, or lower "
                           "memory.max_ram."
                         : ""));
}

void look_at_budget(Checks& checks, const cli::Written& written) {
    const auto& memory = written.config.memory;
    const auto machine = memory::read_machine_memory();
    const auto budget = budget_of(memory, machine.total);
    const auto most = std::max(Bytes{}, machine.total - memory.reserve);
    const auto key = written.says({"memory", "max_ram_gb"}) ? "max_ram_gb" : "max_ram";
    auto place = written.place({"memory", key});
    if (machine.total != Bytes{} && memory.max_ram && *memory.max_ram > most) {
        checks.push_back(
            machine_row("budget", budget <= own_reserve ? CheckState::fail : CheckState::warn,
                        fmt::format("{}: memory.max_ram says {}, but RAM less memory.reserve ({}) is no more",
                                    to_string(budget), to_string(*memory.max_ram), to_string(memory.reserve)),
                        fmt::format("max_ram: {}MiB", most.count >> 20U), std::move(place)));
        return;
    }
    checks.push_back(machine_row("budget", budget <= own_reserve ? CheckState::fail : CheckState::ok,
                                 fmt::format("{} for sarai and its workers, {} left to the rest", to_string(budget),
                                             to_string(std::max(Bytes{}, machine.total - budget))),
                                 budget <= own_reserve ? "Lower memory.reserve or raise memory.max_ram." : "",
                                 budget <= own_reserve ? std::move(place) : ""));
}

void look_at_enforcement(Checks& checks, std::string_view wanted, std::string place) {
    const auto expected = expect_enforcement(wanted, CgroupFacts::of_process());
    if (!expected) {
        checks.push_back(failed(std::string(machine_group), "enforcement", expected.error()));
        checks.back().place = std::move(place);
        return;
    }
    const bool falls_back = wanted == "auto" && expected->mode != "cgroup";
    checks.push_back(machine_row("enforcement", expected->mode == "off" ? CheckState::warn : CheckState::ok,
                                 fmt::format("{}, if started from here ({})", expected->mode, expected->why),
                                 falls_back
                                     ? "As a systemd unit with Delegate=memory (deploy/sarai.service) the kernel keeps "
                                       "each worker to its limit."
                                     : "",
                                 expected->mode == "off" ? std::move(place) : ""));
}

// Whether that process is a sarai: its program has our name.
bool is_sarai(pid_t pid) { return engine::program_of(pid).filename() == "sarai"; }

}  // namespace

cli::Check failed(std::string of, std::string name, const Error& error) {
    auto told = error;
    told.hint.clear();
    return {.group = std::move(of),
            .name = std::move(name),
            .state = CheckState::fail,
            .text = describe(told),
            .advice = error.hint};
}

Checks look_at_machine(const cli::Written* written) {
    const auto own_cgroup = read_file("/proc/self/cgroup");
    Checks checks;
    look_at_cpu(checks, own_cgroup);
    look_at_memory(checks, own_cgroup);
    if (written != nullptr) look_at_budget(checks, *written);
    look_at_enforcement(checks, written != nullptr ? written->config.memory.enforcement : config::Memory{}.enforcement,
                        written != nullptr ? written->place({"memory", "enforcement"}) : "");
    return checks;
}

cli::Check look_at_port(const config::Server& server, std::string place) {
    const auto shown = fmt::format("{} of {}", server.port, server.address);
    if (server.port == 0) return machine_row("port", CheckState::ok, "the system chooses one");
    boost::system::error_code ec;
    const auto address = asio::ip::make_address(server.address == "localhost" ? "127.0.0.1" : server.address, ec);
    asio::io_context io;
    tcp::acceptor acceptor(io);
    const tcp::endpoint endpoint(address, server.port);
    if (!ec) acceptor.open(endpoint.protocol(), ec);
    if (!ec) acceptor.set_option(tcp::acceptor::reuse_address(true), ec);  // as the server itself has it
    if (!ec) acceptor.bind(endpoint, ec);
    if (!ec) acceptor.listen(1, ec);
    if (!ec) return machine_row("port", CheckState::ok, fmt::format("{} is free", shown));
    if (ec != asio::error::address_in_use)
        return machine_row(
            "port", CheckState::fail, fmt::format("cannot listen on {}: {}", shown, ec.message()),
            "Set server.listen (SARAI_SERVER_LISTEN) to an address of this machine and a port that is allowed.",
            std::move(place));
    const auto owner = find_port_owner(server.port);
    if (owner && is_sarai(owner->pid))
        return machine_row(
            "port", CheckState::ok,
            fmt::format("a sarai listens on {} already: process {}, {}", shown, owner->pid, owner->command));
    return machine_row(
        "port", CheckState::fail,
        fmt::format("{} is taken{}", shown, owner ? fmt::format(" by process {}: {}", owner->pid, owner->command) : ""),
        "End that process or set server.listen (SARAI_SERVER_LISTEN) to another port.", std::move(place));
}

}  // namespace sarai::app
