#include "support/fake_upstream.hpp"

#include <fmt/format.h>

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>
#include <deque>
#include <mutex>
#include <optional>
#include <thread>

#include "support/fake_replies.hpp"

namespace sarai::test {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using namespace asio::experimental::awaitable_operators;
using namespace std::chrono_literals;
using asio::awaitable;
using asio::ip::tcp;
constexpr auto quiet = asio::as_tuple(asio::use_awaitable);
using Request = http::request<http::string_body>;

std::string chunk_of(const std::string& bytes) { return fmt::format("{:x}\r\n{}\r\n", bytes.size(), bytes); }

std::string plain_response(unsigned status, const std::string& body, const std::string& retry_after) {
    return fmt::format("HTTP/1.1 {} Scripted\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{}\r\n{}",
                       status, body.size(), retry_after.empty() ? "" : fmt::format("Retry-After: {}\r\n", retry_after),
                       body);
}

bool wants_stream(Protocol protocol, Route route, const std::string& body) {
    if (route != Route::chat && route != Route::completion) return false;
    boost::system::error_code ec;
    const auto parsed = boost::json::parse(body, ec);
    const auto* object = ec ? nullptr : parsed.if_object();
    const auto* stream = object == nullptr ? nullptr : object->if_contains("stream");
    return stream == nullptr || !stream->is_bool() ? protocol == Protocol::ollama : stream->get_bool();
}

}  // namespace

struct FakeUpstream::State {
    explicit State(Protocol played) : protocol(played), acceptor(io, {asio::ip::make_address("127.0.0.1"), 0}) {
        port = acceptor.local_endpoint().port();
    }

    const Protocol protocol;
    asio::io_context io{1};
    tcp::acceptor acceptor;
    std::optional<tcp::socket> placeholder;  // bound but not listening: the port is ours and refuses
    std::uint16_t port = 0;
    std::thread thread;

    mutable std::mutex mutex;  // guards what follows
    std::deque<Script> queue;
    Script otherwise;
    std::function<Script()> chooser;
    std::vector<SeenRequest> seen;

    std::atomic<std::size_t> connections = 0;
    std::atomic<int> active = 0;
    std::atomic<int> most_active = 0;
    std::atomic<int> disconnects = 0;

    // One answer in progress.
    class Turn {
    public:
        explicit Turn(State& state) : state_(state) {
            const int now = ++state_.active;
            int most = state_.most_active;
            while (now > most && !state_.most_active.compare_exchange_weak(most, now)) {}
        }
        ~Turn() { --state_.active; }
        Turn(const Turn&) = delete;
        Turn& operator=(const Turn&) = delete;

    private:
        State& state_;
    };

    void start_accepting() {
        asio::co_spawn(io, accept(), [](const std::exception_ptr&) {});
    }

    awaitable<void> accept() {
        for (;;) {
            auto [ec, socket] = co_await acceptor.async_accept(quiet);
            if (ec) co_return;  // closed by refuse() or the end
            ++connections;
            socket.set_option(tcp::no_delay(true));
            // Owned by the io_context, which is destroyed with this State.
            asio::co_spawn(io, serve(std::move(socket)), [](const std::exception_ptr&) {});
        }
    }

    awaitable<void> serve(tcp::socket socket) {
        boost::beast::flat_buffer buffer;
        for (;;) {
            http::request_parser<http::string_body> parser;
            parser.body_limit(boost::none);  // pictures and sound are more than its usual MB
            auto [ec, count] = co_await http::async_read(socket, buffer, parser, quiet);
            if (ec) co_return;
            const Request request = parser.release();
            if (!co_await answer(socket, request)) co_return;
        }
    }

    Script script_for(const Request& request, Route route) {
        const std::scoped_lock lock(mutex);
        seen.push_back({.method = std::string(request.method_string()),
                        .target = std::string(request.target()),
                        .authorization = std::string(request[http::field::authorization]),
                        .body = request.body()});
        if (route == Route::none) return {.status = 404, .body = "404 page not found"};
        if (chooser) return route == Route::info ? Script{} : chooser();
        if (queue.empty()) return otherwise;
        auto script = std::move(queue.front());
        queue.pop_front();
        return script;
    }

    // False if the connection is done with.
    awaitable<bool> answer(tcp::socket& socket, const Request& request) {
        const auto route = route_of(protocol, std::string(request.method_string()), std::string(request.target()));
        std::optional<Turn> turn;
        if (route != Route::info) turn.emplace(*this);
        const auto script = script_for(request, route);
        if (script.fault == Fault::silent) co_return co_await wait(socket, std::nullopt);
        if (script.head_delay > 0ms && !co_await wait(socket, script.head_delay)) co_return false;
        if (script.status != 200 || !script.body.empty())
            co_return co_await send(socket, plain_response(script.status, error_body(script), script.retry_after));
        if (!wants_stream(protocol, route, request.body())) {
            const auto whole = script.token_delay * std::max(0, script.tokens - 1);
            if (route != Route::info && whole > 0ms && !co_await wait(socket, whole)) co_return false;
            co_return co_await send(socket, plain_response(200, whole_reply(protocol, route, script), {}));
        }
        co_return co_await stream(socket, route, script, tokens_had(request.body(), script));
    }

    // `first`: tokens that the client has already.
    awaitable<bool> stream(tcp::socket& socket, Route route, const Script& script, int first) {
        const auto* type = protocol == Protocol::ollama ? "application/x-ndjson" : "text/event-stream";
        if (!co_await send(
                socket, fmt::format("HTTP/1.1 200 OK\r\nContent-Type: {}\r\nTransfer-Encoding: chunked\r\n\r\n", type)))
            co_return false;
        if (script.body_delay > 0ms && !co_await wait(socket, script.body_delay)) co_return false;
        const bool breaks =
            script.fault != Fault::none && script.fault != Fault::split_code_point && script.fault != Fault::no_marker;
        const int count = breaks ? std::min(first + script.after, script.tokens) : script.tokens;
        for (int i = first; i < count; ++i) {
            if (i > first && script.token_delay > 0ms && !co_await wait(socket, script.token_delay)) co_return false;
            const auto unit = token_unit(protocol, route, token_text(script, i));
            if (!co_await send_unit(socket, script, unit)) co_return false;
        }
        if (breaks) co_return co_await break_off(socket, route, script);
        co_return co_await send(socket, chunk_of(end_units(protocol, route, script)) + "0\r\n\r\n");
    }

    awaitable<bool> send_unit(tcp::socket& socket, const Script& script, const std::string& unit) {
        if (script.fault != Fault::split_code_point) co_return co_await send(socket, chunk_of(unit));
        for (const char byte : unit)
            if (!co_await send(socket, chunk_of(std::string(1, byte)))) co_return false;
        co_return true;
    }

    awaitable<bool> break_off(tcp::socket& socket, Route route, const Script& script) {
        switch (script.fault) {
            case Fault::stall: co_return co_await wait(socket, std::nullopt);
            case Fault::heartbeat:
                while (co_await wait(socket, 10ms))
                    if (!co_await send(socket, chunk_of(heartbeat_unit(protocol)))) break;
                co_return false;
            case Fault::reset:
                socket.set_option(asio::socket_base::linger(true, 0));
                socket.close();
                co_return false;
            case Fault::truncate: {
                const auto unit = chunk_of(token_unit(protocol, route, "never whole"));
                (void)co_await send(socket, unit.substr(0, unit.size() / 2));
                co_return false;
            }
            case Fault::clean_close: co_return co_await send(socket, "0\r\n\r\n");
            case Fault::garbage: co_return co_await send(socket, chunk_of(garbage_unit(protocol)) + "0\r\n\r\n");
            case Fault::error_line: co_return co_await send(socket, chunk_of(error_unit(protocol)) + "0\r\n\r\n");
            default: co_return false;
        }
    }

    awaitable<bool> send(tcp::socket& socket, const std::string& bytes) {
        auto [ec, count] = co_await asio::async_write(socket, asio::buffer(bytes), quiet);
        if (ec) ++disconnects;
        co_return !ec;
    }

    // True after the time, false once the client has left; without a time only the latter ends it.
    awaitable<bool> wait(tcp::socket& socket, std::optional<std::chrono::milliseconds> time) {
        asio::steady_timer timer(io);
        if (time)
            timer.expires_after(*time);
        else
            timer.expires_at(std::chrono::steady_clock::time_point::max());
        const auto first = co_await (timer.async_wait(quiet) || socket.async_wait(tcp::socket::wait_read, quiet));
        if (first.index() == 0) co_return true;
        ++disconnects;  // readable although it has nothing to say: it has closed
        co_return false;
    }

    template <class Condition>
    static bool wait_until(Condition condition) {
        for (const auto end = std::chrono::steady_clock::now() + 5s; !condition();) {
            if (std::chrono::steady_clock::now() > end) return false;
            std::this_thread::sleep_for(1ms);
        }
        return true;
    }

    template <class Function>
    void on_thread(Function function) {
        asio::post(io, asio::use_future(std::move(function))).get();
    }
};

FakeUpstream::FakeUpstream(Protocol protocol) : state_(std::make_unique<State>(protocol)) {
    state_->start_accepting();
    state_->thread = std::thread([this] {
        const auto guard = asio::make_work_guard(state_->io);
        state_->io.run();
    });
}

FakeUpstream::~FakeUpstream() {
    state_->io.stop();
    state_->thread.join();
}

std::uint16_t FakeUpstream::port() const { return state_->port; }
std::string FakeUpstream::url() const { return fmt::format("http://127.0.0.1:{}", state_->port); }

void FakeUpstream::then(Script script) {
    const std::scoped_lock lock(state_->mutex);
    state_->queue.push_back(std::move(script));
}

void FakeUpstream::set_default(Script script) {
    const std::scoped_lock lock(state_->mutex);
    state_->otherwise = std::move(script);
}

void FakeUpstream::set_chooser(std::function<Script()> chooser) {
    const std::scoped_lock lock(state_->mutex);
    state_->chooser = std::move(chooser);
}

void FakeUpstream::refuse() {
    state_->on_thread([&state = *state_] {
        state.acceptor.close();
        state.placeholder.emplace(state.io, tcp::v4());
        state.placeholder->set_option(tcp::socket::reuse_address(true));
        state.placeholder->bind({asio::ip::make_address("127.0.0.1"), state.port});
    });
}

void FakeUpstream::listen() {
    state_->on_thread([&state = *state_] {
        state.placeholder.reset();
        state.acceptor.open(tcp::v4());
        state.acceptor.set_option(tcp::acceptor::reuse_address(true));
        state.acceptor.bind({asio::ip::make_address("127.0.0.1"), state.port});
        state.acceptor.listen();
        state.start_accepting();
    });
}

std::vector<SeenRequest> FakeUpstream::requests() const {
    const std::scoped_lock lock(state_->mutex);
    return state_->seen;
}
std::size_t FakeUpstream::connections() const { return state_->connections; }
int FakeUpstream::active() const { return state_->active; }
int FakeUpstream::most_active() const { return state_->most_active; }
int FakeUpstream::disconnects() const { return state_->disconnects; }

bool FakeUpstream::wait_for_disconnects(int count) const {
    return State::wait_until([&] { return state_->disconnects >= count; });
}
bool FakeUpstream::wait_until_active(int count) const {
    return State::wait_until([&] { return state_->active >= count; });
}

}  // namespace sarai::test
