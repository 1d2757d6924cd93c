// A command's world in strings, and an HTTP server for it to talk to.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <future>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "cli/cli.hpp"
#include "net/http_server.hpp"

namespace sarai::cli {

struct World {
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream err;
    Io io{.in = in, .out = out, .err = err};
    std::vector<std::string> called;  // hooks, in their order
    ServeOptions served;
    PlanOptions planned;
    FitOptions fitted;
    ProveOptions proved;
    ImportOptions imported;
    DoctorOptions doctored;

    int run(const std::vector<std::string>& arguments) {
        const CliHooks hooks{.serve =
                                 [this](const ServeOptions& o) {
                                     served = o;
                                     return note("serve");
                                 },
                             .demo = [this](const DemoOptions&) { return note("demo"); },
                             .plan =
                                 [this](const PlanOptions& o) {
                                     planned = o;
                                     return note("plan");
                                 },
                             .fit =
                                 [this](const FitOptions& o) {
                                     fitted = o;
                                     return note("fit");
                                 },
                             .prove =
                                 [this](const ProveOptions& o) {
                                     proved = o;
                                     return note("prove");
                                 },
                             .take_over =
                                 [this](const ImportOptions& o) {
                                     imported = o;
                                     return note("import");
                                 },
                             .doctor =
                                 [this](const DoctorOptions& o) {
                                     doctored = o;
                                     return note("doctor");
                                 }};
        return run_cli(arguments, hooks, io);
    }
    int note(std::string name) {
        called.push_back(std::move(name));
        return 42;  // nothing else returns it, so that a test sees the hook's own status
    }
};

// Serves on a thread of its own until it is destroyed.
class Upstream {
public:
    using Handler = net::HttpServer::Handler;

    explicit Upstream(Handler handler) : handler_(std::move(handler)) {
        std::promise<std::uint16_t> bound;
        auto port = bound.get_future();
        thread_ = std::thread([this, &bound] {
            net::HttpServer server(io_.get_executor(), {}, handler_, [](const Error& error, std::string_view) {
                return net::Reply{.status = 400, .body = error.message};
            });
            bound.set_value(server.listen("127.0.0.1", 0).value());
            auto guard = boost::asio::make_work_guard(io_);
            io_.run();
            io_.restart();
            boost::asio::co_spawn(io_, server.drain(std::chrono::milliseconds(10)), boost::asio::detached);
            guard.reset();
            io_.run_for(std::chrono::seconds(5));
        });
        port_ = port.get();
    }
    ~Upstream() {
        io_.stop();
        thread_.join();
    }
    Upstream(const Upstream&) = delete;
    Upstream& operator=(const Upstream&) = delete;

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

private:
    Handler handler_;
    boost::asio::io_context io_{1};
    std::thread thread_;
    std::uint16_t port_ = 0;
};

// Answers every request with this.
inline Upstream::Handler answering(int status, std::string body) {
    return [=](net::Exchange& exchange) -> net::asio::awaitable<void> {
        (void)co_await exchange.respond({.status = status, .body = body});
    };
}

inline std::string delta(std::string_view text) {
    return R"(data: {"choices":[{"index":0,"delta":{"content":")" + std::string(text) + "\"}}]}\n\n";
}
inline constexpr std::string_view stream_end =
    "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";

}  // namespace sarai::cli
