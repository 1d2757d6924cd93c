// Reads the memory of processes on a thread of its own: the kernel walks page tables for it, about 2 ms per GiB, and
// the io thread has tokens to relay.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <vector>

#include "memory/process_memory.hpp"

namespace sarai::pool {

class MemorySampler {
public:
    // One entry per pid; nullopt for pid 0 and for processes that have gone.
    [[nodiscard]] boost::asio::awaitable<std::vector<std::optional<memory::ProcessMemory>>> sample(
        std::vector<pid_t> pids) {
        co_return co_await boost::asio::co_spawn(thread_, read(std::move(pids)), boost::asio::use_awaitable);
    }

private:
    static boost::asio::awaitable<std::vector<std::optional<memory::ProcessMemory>>> read(std::vector<pid_t> pids) {
        std::vector<std::optional<memory::ProcessMemory>> samples;
        samples.reserve(pids.size());
        for (const auto pid : pids) samples.push_back(pid == 0 ? std::nullopt : memory::read_process_memory(pid));
        co_return samples;
    }
    boost::asio::thread_pool thread_{1};
};

}  // namespace sarai::pool
