// Work that blocks (disks, waiting for children) beside the io thread.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <type_traits>
#include <utility>

namespace sarai::net {

// Runs `work` on the thread, and goes on here. The coroutine holds the work: it outlives a caller that was cancelled.
template <class Work>
boost::asio::awaitable<std::invoke_result_t<Work&>> on_thread(boost::asio::thread_pool& thread, Work work) {
    const auto run = [](Work mine) -> boost::asio::awaitable<std::invoke_result_t<Work&>> { co_return mine(); };
    co_return co_await boost::asio::co_spawn(thread, run(std::move(work)), boost::asio::use_awaitable);
}

}  // namespace sarai::net
