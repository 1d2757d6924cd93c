#include "gateway/tracer.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <array>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>

#include "net/http_client.hpp"
#include "net/quiet.hpp"
#include "net/task_group.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using namespace std::chrono_literals;

constexpr auto pause_between = 2s;
constexpr std::size_t most_waiting = 2048;  // as OpenTelemetry's own exporters keep

// The log's names → the conventions'.
constexpr std::array conventions{std::pair{"model", "gen_ai.request.model"},
                                 std::pair{"prompt_tokens", "gen_ai.usage.input_tokens"},
                                 std::pair{"tokens", "gen_ai.usage.output_tokens"}};

json::object attribute(std::string_view name, const std::string& text) {
    for (const auto& [ours, theirs] : conventions)
        if (name == ours) name = theirs;
    std::string key(name.contains('.') ? "" : "sarai.");
    key += name;
    double number = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
    json::object value;
    if (ec != std::errc{} || end != text.data() + text.size())
        value["stringValue"] = text;
    else if (text.contains('.'))
        value["doubleValue"] = number;
    else
        value["intValue"] = text;  // 64-bit integers are strings in protobuf's JSON
    return {{"key", key}, {"value", std::move(value)}};
}

json::object encode_span(const Span& span) {
    json::array attributes{attribute("http.response.status_code", std::to_string(span.status))};
    for (const auto& [name, value] : span.attributes) attributes.push_back(attribute(name, value));
    const auto begin = span.begin.time_since_epoch().count();
    constexpr int server = 2;
    constexpr int failed = 2;
    json::object out{{"traceId", span.context.trace_id},
                     {"spanId", span.context.span_id},
                     {"name", span.name},
                     {"kind", server},
                     {"startTimeUnixNano", std::to_string(begin)},
                     {"endTimeUnixNano", std::to_string(begin + span.took.count())},
                     {"attributes", std::move(attributes)}};
    if (!span.context.parent_id.empty()) out["parentSpanId"] = span.context.parent_id;
    // A client's mistake is no failure of the server's.
    if (span.status >= 500) out["status"] = json::object{{"code", failed}};
    return out;
}

}  // namespace

json::object encode_spans(const std::vector<Span>& spans, const std::string& version) {
    json::array encoded;
    for (const auto& span : spans) encoded.push_back(encode_span(span));
    const auto text = [](const char* key, const std::string& value) -> json::object {
        return {{"key", key}, {"value", {{"stringValue", value}}}};
    };
    json::object scope{{"scope", {{"name", "sarai"}, {"version", version}}}, {"spans", std::move(encoded)}};
    json::object resource{
        {"resource", {{"attributes", json::array{text("service.name", "sarai"), text("service.version", version)}}}},
        {"scopeSpans", json::array{std::move(scope)}}};
    return {{"resourceSpans", json::array{std::move(resource)}}};
}

struct Tracer::State {
    State(asio::any_io_executor executor, net::Origin origin, std::string of)
        : client(executor, std::move(origin)), tasks(executor), timer(executor), version(std::move(of)) {}

    net::Client client;
    net::TaskGroup tasks;
    asio::steady_timer timer;
    std::string version;
    std::vector<Span> waiting;
    std::uint64_t lost = 0;
    bool sending = false;
    bool stopping = false;

    // Ends when nothing waits any more.
    static asio::awaitable<void> send_all(std::shared_ptr<State> self) {
        while (!self->waiting.empty()) {
            if (!self->stopping) {
                self->timer.expires_after(pause_between);
                co_await self->timer.async_wait(net::quiet);
            }
            const auto spans = std::exchange(self->waiting, {});
            const auto reply =
                co_await self->client.fetch({.method = net::http::verb::post,
                                             .target = "/v1/traces",
                                             .body = json::serialize(encode_spans(spans, self->version))},
                                            {.connect = 1s, .first_byte = 5s, .silence = 5s});
            if (reply && reply->status < 300) continue;
            if (self->lost == 0)
                spdlog::warn("the collector took no spans: {}",
                             reply ? fmt::format("status {}", reply->status) : describe(reply.error()));
            self->lost += spans.size();
        }
        self->sending = false;
        self->client.drop_idle();
    }
};

Tracer::Tracer(std::shared_ptr<State> state) : state_(std::move(state)) {}
Tracer::~Tracer() = default;

Result<std::shared_ptr<Tracer>> Tracer::create(asio::any_io_executor executor, const std::string& endpoint,
                                               std::string version) {
    auto origin = net::Origin::parse(endpoint);
    if (!origin) return std::unexpected(origin.error());
    return std::shared_ptr<Tracer>(
        new Tracer(std::make_shared<State>(std::move(executor), std::move(*origin), std::move(version))));
}

void Tracer::finished(Span span) {
    if (state_->waiting.size() >= most_waiting) {
        ++state_->lost;
        return;
    }
    state_->waiting.push_back(std::move(span));
    if (std::exchange(state_->sending, true)) return;
    state_->tasks.spawn("spans", State::send_all(state_));
}

asio::awaitable<void> Tracer::stop() {
    state_->stopping = true;
    state_->timer.cancel();
    if (!co_await state_->tasks.join(1s)) state_->tasks.cancel_all();
    (void)co_await state_->tasks.join(100ms);
}

std::uint64_t Tracer::lost() const { return state_->lost; }

}  // namespace sarai::gateway
