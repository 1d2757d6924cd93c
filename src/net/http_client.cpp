#include "net/http_client.hpp"

#include <fmt/format.h>

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>
#include <map>
#include <optional>

#include "base/utf8.hpp"
#include "net/wire.hpp"

namespace sarai::net {
namespace {

using std::chrono::milliseconds;

// A body that hands out what has arrived instead of collecting the whole.
struct ArrivingBody {
    using value_type = std::string;
    static std::uint64_t size(const value_type& body) { return body.size(); }
    class reader {
    public:
        template <bool IsRequest, class Fields>
        reader(http::header<IsRequest, Fields>& /*head*/, value_type& body) : body_(body) {}
        void init(const boost::optional<std::uint64_t>& /*length*/, boost::system::error_code& ec) { ec = {}; }
        template <class Buffers>
        std::size_t put(const Buffers& buffers, boost::system::error_code& ec) {
            ec = {};
            std::size_t taken = 0;
            for (auto it = asio::buffer_sequence_begin(buffers); it != asio::buffer_sequence_end(buffers); ++it) {
                const asio::const_buffer part = *it;
                body_.append(static_cast<const char*>(part.data()), part.size());
                taken += part.size();
            }
            return taken;
        }
        void finish(boost::system::error_code& ec) { ec = {}; }

    private:
        value_type& body_;
    };
};

using Parser = http::response_parser<ArrivingBody>;
constexpr std::size_t max_idle = 16;
// For an answer that came before the request was read, once writing has failed: it is there already.
constexpr milliseconds time_to_explain{1000};

// Without a port that the scheme implies (RFC 9110): who signed a URL may have signed its host as well.
std::string host_header(const Origin& origin) {
    if (origin.transport == Origin::Transport::unix_socket) return "localhost";
    auto host = origin.name();
    const std::string_view implied = origin.transport == Origin::Transport::tls ? ":443" : ":80";
    if (host.ends_with(implied)) host.resize(host.size() - implied.size());
    return host;
}

std::string head_of(const Origin& origin, const ClientRequest& request) {
    std::string head;
    head.reserve(256);
    head.append(http::to_string(request.method)).append(" ").append(origin.base).append(request.target);
    head += " HTTP/1.1\r\nHost: ";
    head += host_header(origin);
    head += "\r\nUser-Agent: sarai\r\nAccept: */*\r\n";
    if (!origin.bearer.empty()) head.append("Authorization: Bearer ").append(origin.bearer).append("\r\n");
    bool has_type = false;
    for (const auto& [name, value] : request.headers) {
        head.append(name).append(": ").append(value).append("\r\n");
        has_type = has_type || boost::beast::iequals(name, "Content-Type");
    }
    if (!request.body.empty() && !has_type) head += "Content-Type: application/json\r\n";
    if (!request.body.empty() || request.method == http::verb::post)
        head += fmt::format("Content-Length: {}\r\n", request.body.size());
    head += "\r\n";
    return head;
}

}  // namespace

Result<Origin> Origin::parse(std::string_view url) {
    const auto refuse = [&](std::string_view why) {
        return fail(Code::invalid_argument, fmt::format("\"{}\" is not a server's address: {}; expected "
                                                        "http://host[:port][/path], https://… or unix:/path.sock",
                                                        valid_utf8(url), why));
    };
    if (url.starts_with("unix:")) {
        url.remove_prefix(5);
        while (url.starts_with("//")) url.remove_prefix(1);
        if (url.empty()) return refuse("no path");
        return Origin{.transport = Transport::unix_socket, .host = "localhost", .port = {}, .socket = url};
    }
    const auto parsed = boost::urls::parse_uri(url);
    if (!parsed) return refuse("it cannot be read");
    Origin origin;
    if (parsed->scheme() == "https")
        origin.transport = Transport::tls;
    else if (parsed->scheme() != "http")
        return refuse("the scheme is neither http nor https");
    origin.host = parsed->host_address();
    if (origin.host.empty()) return refuse("it names no host");
    if (parsed->has_query() || parsed->has_fragment() || parsed->has_userinfo())
        return refuse("a query, fragment or user does not belong in it");
    origin.port = parsed->has_port() && !parsed->port().empty() ? std::string(parsed->port())
                  : origin.transport == Transport::tls          ? "443"
                                                                : "80";
    if (parsed->has_port() && !parsed->port().empty() && (parsed->port_number() == 0))
        return refuse("the port is not between 1 and 65535");
    origin.base = parsed->encoded_path();
    while (origin.base.ends_with('/')) origin.base.pop_back();
    return origin;
}

std::string Origin::name() const {
    if (transport == Transport::unix_socket) return socket.string();
    return host.contains(':') ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

namespace {

// The connections of requests that somebody else may be able to answer. Shared with those, which may outlive the
// Client.
using Replaceable = std::map<Wire*, std::function<bool()>>;

// As long as it lives, its connection is one of them.
class Entry {
public:
    Entry(std::shared_ptr<Replaceable> list, Wire* wire, std::function<bool()> asks)
        : list_(std::move(list)), wire_(wire) {
        list_->emplace(wire_, std::move(asks));
    }
    ~Entry() { list_->erase(wire_); }
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;

private:
    std::shared_ptr<Replaceable> list_;
    Wire* wire_;
};

}  // namespace

struct Client::State : std::enable_shared_from_this<Client::State> {
    State(asio::any_io_executor on, Origin server) : executor(std::move(on)), origin(std::move(server)) {}

    asio::any_io_executor executor;
    Origin origin;
    std::vector<std::unique_ptr<Wire>> idle;
    std::shared_ptr<Replaceable> replaceable = std::make_shared<Replaceable>();

    std::unique_ptr<Wire> take_idle() {
        while (!idle.empty()) {
            auto wire = std::move(idle.back());
            idle.pop_back();
            if (wire->still_idle()) return wire;
        }
        return nullptr;
    }
    void give_back(std::unique_ptr<Wire> wire) {
        if (idle.size() >= max_idle) return;
        if (wire->still_idle()) {
            wire->rest();
            idle.push_back(std::move(wire));
            return;
        }
        // llama-server ends a connection after each streamed answer. The next one is made now, so that the next request
        // need not wait until the worker has accepted it; and this one is closed, both after what this turn of the
        // event loop still has to send.
        asio::post(executor, [weak = weak_from_this(), spent = std::move(wire)] {
            if (const auto self = weak.lock(); self && self->idle.empty())
                if (auto spare = Wire::connect_now(self->executor, self->origin))
                    self->idle.push_back(std::move(spare));
        });
    }
};

namespace {

class Body final : public BodyStream {
public:
    // `give_back` keeps the connection for the next request, once the body was read to its end.
    // `method`: of the request; an answer to HEAD has no body, whatever its length says.
    Body(std::unique_ptr<Wire> wire, http::verb method, Budgets budgets,
         std::function<void(std::unique_ptr<Wire>)> give_back)
        : wire_(std::move(wire)), budgets_(budgets), give_back_(std::move(give_back)), method_(method) {
        await_head();
    }

    [[nodiscard]] bool saw_bytes() const { return saw_bytes_; }
    void enter(std::shared_ptr<Replaceable> list, std::function<bool()> asks) {
        entry_.emplace(std::move(list), wire_.get(), std::move(asks));
    }

    asio::awaitable<Result<void>> read_head() { co_return co_await read_head(budgets_.first_byte); }
    // For the whole head: a server that sends it byte by byte has no longer than one that sends nothing.
    asio::awaitable<Result<void>> read_head(milliseconds budget) {
        const auto due = std::chrono::steady_clock::now() + budget;
        while (!parser_->is_header_done()) {
            const auto space = free_space();
            if (!space) co_return std::unexpected(space.error());
            const auto left = std::chrono::ceil<milliseconds>(due - std::chrono::steady_clock::now());
            const auto got = co_await wire_->read_some(*space, std::max(left, milliseconds(1)), "answer");
            if (!got && got.error().code == Code::timeout) co_return std::unexpected(wire_->silent("answer", budget));
            if (!got) co_return std::unexpected(got.error());
            if (auto parsed = parse(*got); !parsed) co_return parsed;
        }
        co_return Result<void>{};
    }
    // A server that has not read all of the request may read the rest as the next one.
    void spend_connection() { give_back_ = nullptr; }

    unsigned status() const override { return parser_->get().result_int(); }
    const http::fields& headers() const override { return parser_->get(); }
    bool complete() const override { return parser_->is_done(); }
    std::chrono::microseconds round_trip() const override {
        return wire_ ? wire_->round_trip() : std::chrono::microseconds{};
    }
    void set_silence(milliseconds budget) override { budgets_.silence = budget; }

    asio::awaitable<Result<std::string_view>> read_some() override {
        auto& arrived = parser_->get().body();
        handed_out_.clear();
        while (arrived.empty()) {
            if (parser_->is_done()) {
                entry_.reset();
                if (wire_ && give_back_ && status() >= 200 && parser_->keep_alive() && filled_ == 0)
                    give_back_(std::move(wire_));
                wire_.reset();
                co_return std::string_view{};
            }
            const auto space = free_space();
            if (!space) co_return std::unexpected(space.error());
            const auto got = co_await wire_->read_some(*space, budgets_.silence, "data");
            if (!got) co_return std::unexpected(got.error());
            if (const auto parsed = parse(*got); !parsed) co_return std::unexpected(parsed.error());
        }
        handed_out_.swap(arrived);
        co_return std::string_view(handed_out_);
    }

private:
    void await_head() {
        parser_.emplace();
        parser_->skip(method_ == http::verb::head);
        parser_->header_limit(64U << 10U);
        parser_->body_limit(boost::none);
        parser_->eager(true);
    }
    // An informational head, such as 103 Early Hints: the answer follows (RFC 9110, 15.2). We ask for none.
    [[nodiscard]] bool is_interim() const {
        return parser_->is_done() && status() / 100 == 1 && status() != 101;  // 101: what follows is no HTTP
    }

    // Where the next bytes go. (The loops above read and parse by themselves: a coroutine that does both would be one
    // more per token.)
    Result<asio::mutable_buffer> free_space() {
        if (filled_ == buffer_.size())
            return fail(Code::upstream, "the server sent a header or chunk line that is too long");
        return asio::buffer(buffer_.data() + filled_, buffer_.size() - filled_);
    }

    // Parses `count` bytes that have come; 0: the server has closed the connection.
    Result<void> parse(std::size_t count) {
        boost::system::error_code ec;
        if (count == 0) {
            if (!saw_bytes_) return fail(Code::unavailable, "the server closed the connection without an answer");
            parser_->put_eof(ec);
            if (ec || !parser_->is_done())
                return fail(Code::unavailable, "the server closed the connection in the middle of its answer");
            return {};
        }
        saw_bytes_ = true;
        filled_ += count;
        std::size_t used = 0;
        while (used < filled_ && !parser_->is_done()) {
            const auto taken = parser_->put(asio::buffer(buffer_.data() + used, filled_ - used), ec);
            used += taken;
            if (ec == http::error::need_more) break;
            if (ec) return fail(Code::upstream, fmt::format("the server's answer is not HTTP: {}", ec.message()));
            if (is_interim()) {
                if (++interim_ > most_interim)
                    return fail(Code::upstream, "the server sends informational heads alone");
                await_head();
                continue;
            }
            if (taken == 0) break;
        }
        std::memmove(buffer_.data(), buffer_.data() + used, filled_ - used);
        filled_ -= used;
        return {};
    }

    std::unique_ptr<Wire> wire_;
    std::optional<Entry> entry_;  // of the wire, before which it goes
    Budgets budgets_;
    std::function<void(std::unique_ptr<Wire>)> give_back_;
    static constexpr int most_interim = 16;
    http::verb method_;
    std::optional<Parser> parser_;
    int interim_ = 0;
    std::array<char, 64U << 10U> buffer_;
    std::size_t filled_ = 0;
    std::string handed_out_;
    bool saw_bytes_ = false;
};

}  // namespace

Client::Client(asio::any_io_executor executor, Origin origin)
    : state_(std::make_shared<State>(std::move(executor), std::move(origin))) {}
Client::~Client() = default;

const Origin& Client::origin() const { return state_->origin; }
void Client::drop_idle() { state_->idle.clear(); }

void Client::give_up(std::chrono::steady_clock::time_point since, const Error& why) {
    // Whoever waits hears of it in a later turn of the event loop.
    for (const auto& [wire, replaceable] : *state_->replaceable)
        if (const auto waits = wire->waits_since(); waits && *waits < since && replaceable()) wire->give_up(why);
}

asio::awaitable<Result<std::unique_ptr<BodyStream>>> Client::open(ClientRequest request, Budgets budgets) {
    const auto state = state_;  // a stream in flight keeps what it needs, even if the Client goes
    const auto head = head_of(state->origin, request);
    for (bool reuse : {true, false}) {
        auto wire = reuse ? state->take_idle() : nullptr;
        const bool reused = wire != nullptr;
        if (!reused) {
            auto connected = co_await Wire::connect(state->origin, budgets.connect);
            if (!connected) co_return std::unexpected(connected.error());
            wire = std::move(*connected);
        }
        auto* raw = wire.get();
        auto body =
            std::make_unique<Body>(std::move(wire), request.method, budgets, [weak = std::weak_ptr(state)](auto back) {
                if (const auto alive = weak.lock()) alive->give_back(std::move(back));
            });
        if (request.replaceable) body->enter(state->replaceable, request.replaceable);
        auto done = co_await raw->write(head, request.body, budgets.first_byte);
        if (done) {
            done = co_await body->read_head();
        } else if (done.error().code == Code::unavailable && !raw->given_up()) {
            // It may have answered before it had read the whole: too large, no key, not now.
            if (co_await body->read_head(time_to_explain)) {
                body->spend_connection();
                co_return std::move(body);
            }
        }
        if (done) co_return std::move(body);
        const bool closed_while_idle =
            reused && !body->saw_bytes() && done.error().code == Code::unavailable && !raw->given_up();
        if (!closed_while_idle) co_return std::unexpected(done.error());
    }
    co_return fail(Code::internal, "unreachable: a fresh connection is tried last");
}

asio::awaitable<Result<ClientResponse>> Client::fetch(ClientRequest request, Budgets budgets, Bytes max_body,
                                                      milliseconds total) {
    const auto deadline = std::chrono::steady_clock::now() + total;
    const auto within_total = [&](milliseconds budget) {
        if (total.count() == 0) return budget;
        const auto left = std::chrono::ceil<milliseconds>(deadline - std::chrono::steady_clock::now());
        return std::clamp(left, milliseconds(1), budget);
    };
    budgets.first_byte = within_total(budgets.first_byte);
    budgets.silence = within_total(budgets.silence);
    auto stream = co_await open(std::move(request), budgets);
    if (!stream) co_return std::unexpected(stream.error());
    ClientResponse response{.status = (*stream)->status(),
                            .headers = (*stream)->headers(),
                            .body = {},
                            .round_trip = (*stream)->round_trip()};
    for (;;) {
        auto part = co_await (*stream)->read_some();
        if (!part) co_return std::unexpected(part.error());
        if (part->empty()) co_return response;
        if (std::cmp_greater(response.body.size() + part->size(), max_body.count))
            co_return fail(Code::upstream, fmt::format("the answer is larger than {}", to_string(max_body)));
        response.body += *part;
        if (total.count() != 0 && std::chrono::steady_clock::now() > deadline)
            co_return fail(Code::timeout, fmt::format("the answer took longer than {} ms", total.count()));
    }
}

}  // namespace sarai::net
