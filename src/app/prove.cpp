#include "app/prove.hpp"

#include <fmt/format.h>

#include <unistd.h>
#include <cstdlib>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <chrono>
#include <cmath>
#include <numbers>
#include <ostream>
#include <thread>

#include "app/prove_report.hpp"
#include "cli/io.hpp"
#include "cli/server.hpp"
#include "engine/process.hpp"
#include "engine/program.hpp"
#include "llm/types.hpp"
#include "media/windows.hpp"
#include "memory/process_memory.hpp"
#include "net/framing.hpp"
#include "net/http_client.hpp"
#include "net/task_group.hpp"
#include "protocols/hearing.hpp"
#include "protocols/json.hpp"

namespace sarai::app {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
namespace hearing = protocols::hearing;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

// First requests may load a model; a silent server is given up sooner.
constexpr net::Budgets patient{.connect = 2s, .first_byte = 600s, .silence = 120s};
// What is heard is told at its end: of a long piece a large model on few cores has as long as its worker.
constexpr net::Budgets patient_with_ears{.connect = 2s, .first_byte = 1800s, .silence = 120s};

// Silence would not do: no model is asked about it.
std::string tone(int seconds) {
    constexpr double step = 2 * std::numbers::pi * 440 / hearing::rate;
    std::string samples;
    samples.reserve(std::size_t{2} * hearing::rate * static_cast<std::size_t>(seconds));
    for (int i = 0; i < seconds * hearing::rate; ++i) {
        const auto sample = static_cast<int>(std::lround(8000 * std::sin(step * i)));
        samples += static_cast<char>(sample & 0xff);
        samples += static_cast<char>(sample >> 8 & 0xff);
    }
    return samples;
}

Result<json::value> parse(const net::ClientResponse& reply) {
    boost::system::error_code ec;
    auto value = json::parse(reply.body, ec);
    if (ec) return fail(Code::upstream, "the server's answer is not JSON");
    if (reply.status == 200) return value;
    const auto* message = value.is_object() ? value.as_object().if_contains("error") : nullptr;
    if (message != nullptr && message->is_object()) message = message->as_object().if_contains("message");
    return fail(Code::upstream, message != nullptr && message->is_string() ? std::string(message->as_string())
                                                                           : fmt::format("status {}", reply.status));
}

std::optional<Bytes> size_at(const json::object& object, std::string_view key) {
    const auto* value = object.if_contains(key);
    if (value == nullptr || value->is_null()) return std::nullopt;
    return Bytes{value->to_number<std::int64_t>()};
}

class Prover {
public:
    Prover(net::Origin origin, ProveOptions options)
        : options_(std::move(options)), client_(io_.get_executor(), std::move(origin)) {}

    Result<ProofReport> run() {
        Result<void> outcome;
        asio::co_spawn(
            io_, [&]() -> asio::awaitable<void> { outcome = co_await prove(); },
            [&](std::exception_ptr thrown) {
                if (thrown) std::rethrow_exception(thrown);
            });
        io_.run();
        if (!outcome) return std::unexpected(outcome.error());
        return std::move(report_);
    }

private:
    asio::awaitable<Result<json::value>> get(std::string target) {
        auto reply = co_await client_.fetch({.target = std::move(target)}, {});
        if (!reply) co_return std::unexpected(reply.error());
        co_return parse(*reply);
    }

    asio::awaitable<Result<void>> prove() {
        auto models = co_await get("/v1/models");
        if (!models) co_return std::unexpected(models.error());
        for (const auto& entry : models->at("data").as_array()) {
            const auto backend = std::string_view(entry.at("sarai").at("backend").as_string());
            if (backend == "router" || backend == "pipeline") continue;  // they are the others
            const auto& kind = entry.at("sarai").at("kind").as_string();
            report_.models.push_back({.name = std::string(entry.at("id").as_string()),
                                      .embedding = kind != "chat",
                                      .rerank = kind == "rerank",
                                      .hears = kind == "transcription"});
        }
        const auto before = co_await get("/sarai/status");
        if (!before) co_return std::unexpected(before.error());
        note_measured(*before);
        for (const auto& row : before->at("models").as_array())
            for (auto& model : report_.models)
                if (model.name == protocols::string_at(row.as_object(), "name"))
                    model.worker = protocols::string_at(row.as_object(), "served_by");
        // Once each alone, so that all are loaded before they are asked together. Loads go in parallel.
        progress("loading");
        co_await ask_all(4, /*together=*/false);
        progress("asking all at once");
        // Short answers may have ended before the last question was read, where the machine was busy with something
        // else.
        for (int tries = 3; tries > 0; --tries) {
            co_await ask_all(options_.tokens, /*together=*/true);
            if (!report_.all_answered() || report_.simultaneous()) break;
        }
        // Two samples later the server's own measurement has seen the peak.
        for (int i = 0; i < 6; ++i) {
            asio::steady_timer moment(io_, 200ms);
            co_await moment.async_wait(asio::use_awaitable);
            co_await watch();
        }
        co_return co_await read_memory();
    }

    asio::awaitable<void> ask_all(int tokens, bool together) {
        net::TaskGroup tasks(io_.get_executor());
        asked_ = Clock::now();
        for (auto& model : report_.models) tasks.spawn("ask", ask(model, tokens, together));
        while (!co_await tasks.join(200ms)) co_await watch();
    }

    // Progress and the peak of the sum while requests run.
    asio::awaitable<void> watch() {
        const auto status = co_await get("/sarai/status");
        if (!status) co_return;
        note_measured(*status);
        note_loaded(*status);
        for (const auto& row : status->at("models").as_array())
            if (const auto* share = row.as_object().if_contains("progress"))
                progress(fmt::format("loading {}: {:.0f} %", row.at("name").as_string().c_str(),
                                     share->to_number<double>() * 100));
    }
    // The server's peak is that of its whole life: ours where it has grown since we began. Else ours is lower, and what
    // we saw ourselves; the server looks every 500 ms, or 100 while a model loads.
    void note_measured(const json::value& status) {
        const auto& ledger = status.at("ledger");
        const Bytes now{ledger.at("measured_bytes").to_number<std::int64_t>()};
        const Bytes peak{ledger.at("peak_bytes").to_number<std::int64_t>()};
        if (!peak_before_) peak_before_ = peak;
        report_.peak_sum = std::max({report_.peak_sum, now, peak > *peak_before_ ? peak : Bytes{}});
    }
    void note_loaded(const json::value& status) {
        for (const auto& value : status.at("models").as_array()) {
            const auto& row = value.as_object();
            const bool ready = protocols::string_at(row, "state") == "ready" && row.at("planned_bytes") != 0;
            if (!ready || protocols::string_at(row, "endpoint") != "local") continue;
            for (auto& model : report_.models)
                model.loaded = model.loaded || model.name == protocols::string_at(row, "name");
        }
    }

    asio::awaitable<void> ask(ProvedModel& model, int tokens, bool together) {
        if (!model.error.empty()) co_return;
        Result<void> outcome = fail(Code::upstream, "the answer is not what it should be");
        try {
            if (model.hears) {
                outcome = co_await hear(model, together);
            } else if (model.embedding) {
                outcome = co_await embed(model, together);
            } else {
                outcome = co_await chat(model, tokens, together);
            }
        } catch (const std::exception& error) { outcome.error().message += fmt::format(": {}", error.what()); }
        if (!outcome) model.error = describe(outcome.error());
        if (model.embedding) model.ended = Clock::now() - asked_;
        // At once: one with a short ttl may be gone when the others have answered.
        if (outcome && model.endpoint == "local" && !model.loaded) co_await watch();
    }

    asio::awaitable<Result<void>> embed(ProvedModel& model, bool together) {
        // As many inputs as a chat has tokens would end too early to be simultaneous; an embedder is short by nature.
        const auto begun = Clock::now();
        json::object question{{"model", model.name}, {model.rerank ? "documents" : "input", {"one", "two", "three"}}};
        if (model.rerank) question["query"] = "two";
        auto reply = co_await client_.fetch({.method = net::http::verb::post,
                                             .target = model.rerank ? "/v1/rerank" : "/v1/embeddings",
                                             .body = json::serialize(question)},
                                            patient);
        if (!reply) co_return std::unexpected(reply.error());
        note_headers(model, reply->headers, begun);
        auto body = parse(*reply);
        if (!body) co_return std::unexpected(body.error());
        if (together) {
            model.first_token = Clock::now() - begun;
            model.tokens = static_cast<int>(body->at(model.rerank ? "results" : "data").as_array().size());
        }
        co_return Result<void>{};
    }

    // The longest piece, with the times of its words: what that takes is planned. A temperature keeps it at one try for
    // each window, whatever it thinks that it hears.
    asio::awaitable<Result<void>> hear(ProvedModel& model, bool together) {
        const auto sound = media::wav_of(tone(together ? hearing::longest_piece : 1), hearing::rate);
        const auto begun = Clock::now();
        const std::string part = "--part\r\nContent-Disposition: form-data; name=";
        auto reply = co_await client_.fetch(
            {.method = net::http::verb::post,
             .target = "/v1/audio/transcriptions",
             .headers = {{"Content-Type", "multipart/form-data; boundary=part"}},
             .body = fmt::format("{0}\"model\"\r\n\r\n{1}\r\n{0}\"response_format\"\r\n\r\nverbose_json\r\n"
                                 "{0}\"temperature\"\r\n\r\n0.2\r\n"
                                 "{0}\"timestamp_granularities[]\"\r\n\r\nsegment\r\n"
                                 "{0}\"timestamp_granularities[]\"\r\n\r\nword\r\n{0}\"file\"; "
                                 "filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n{2}\r\n--part--\r\n",
                                 part, model.name, sound)},
            patient_with_ears);
        if (!reply) co_return std::unexpected(reply.error());
        auto body = parse(*reply);
        if (!body) co_return std::unexpected(body.error());
        note_headers(model, reply->headers, begun);
        model.backend = "whisper";
        model.endpoint = "local";
        if (together) {
            model.first_token = Clock::now() - begun;
            model.tokens = static_cast<int>(body->at("segments").as_array().size());
        }
        co_return Result<void>{};
    }

    asio::awaitable<Result<void>> chat(ProvedModel& model, int tokens, bool together) {
        const auto begun = Clock::now();
        auto stream = co_await client_.open(
            {.method = net::http::verb::post,
             .target = "/v1/chat/completions",
             .body = json::serialize(json::object{
                 {"model", model.name},
                 {"stream", true},
                 {"max_tokens", tokens},
                 {"messages", json::array{json::object{{"role", "user"}, {"content", "Tell me about memory."}}}}})},
            patient);
        if (!stream) co_return std::unexpected(stream.error());
        note_headers(model, (*stream)->headers(), begun);
        net::SseParser events;
        std::string refused;
        Clock::time_point first;
        int count = 0;
        bool ended = false;
        for (;;) {
            auto bytes = co_await (*stream)->read_some();
            if (!bytes) co_return std::unexpected(bytes.error());
            if (bytes->empty()) break;
            if ((*stream)->status() != 200) {
                refused += *bytes;
                continue;
            }
            if (auto fed = events.feed(*bytes); !fed) co_return std::unexpected(fed.error());
            while (auto event = events.next()) {
                ended = ended || event->data == "[DONE]";
                boost::system::error_code ec;
                auto value = json::parse(event->data, ec);
                if (ec || !value.is_object()) continue;
                if (value.as_object().contains("error"))
                    co_return fail(Code::upstream, json::serialize(value.as_object()["error"]));
                if (!llm::has_output(llm::StreamEvent(value.as_object()))) continue;
                // Its place may be given to another before the end of the stream is read here.
                model.ended = Clock::now() - asked_;
                if (count++ == 0) first = Clock::now();
            }
        }
        if ((*stream)->status() != 200) {
            auto body = parse({.status = (*stream)->status(), .headers = {}, .body = refused});
            co_return std::unexpected(body.error());
        }
        if (!ended) co_return fail(Code::upstream, "the stream ended without its end marker");
        if (count == 0) co_return fail(Code::upstream, "the stream brought no text");
        if (together) {
            model.first_token = first - begun;
            model.tokens = count;
            model.seconds = Clock::now() - first;
        }
        co_return Result<void>{};
    }

    void note_headers(ProvedModel& model, const net::http::fields& headers, Clock::time_point begun) const {
        std::chrono::duration<double, std::milli> waited{};
        double number = 0;
        const auto text = headers["x-sarai-queue-ms"];
        if (std::from_chars(text.data(), text.data() + text.size(), number).ec == std::errc{} && number > 0)
            waited = decltype(waited)(number);
        model.taken = begun - asked_ + waited;
        model.backend = headers["x-sarai-backend"];
        model.endpoint = headers["x-sarai-endpoint"];
    }

    asio::awaitable<Result<void>> read_memory() {
        const auto status = co_await get("/sarai/status");
        if (!status) co_return std::unexpected(status.error());
        note_measured(*status);
        const auto& ledger = status->at("ledger");
        report_.budget = {ledger.at("budget_bytes").to_number<std::int64_t>()};
        report_.own = {ledger.at("own_bytes").to_number<std::int64_t>()};
        if (const auto* estimates = status->as_object().if_contains("estimates")) {
            report_.estimates.native = size_at(estimates->as_object(), "native_bytes");
            report_.estimates.hybrid = size_at(estimates->as_object(), "hybrid_bytes");
        }
        for (const auto& row : status->at("models").as_array()) {
            if (row.at("endpoint").if_string() == nullptr || *row.at("endpoint").if_string() != "local") continue;
            for (auto& model : report_.models) {
                if (model.name != std::string_view(row.at("name").as_string()) || model.endpoint != "local") continue;
                // Who is served by another's worker is as loaded as that one, which is proven itself.
                if (model.error.empty() && !model.loaded && model.worker.empty())
                    model.error = fmt::format("it answered but was not loaded; its state is {}",
                                              row.at("state").as_string().c_str());
                model.planned = {row.at("planned_bytes").to_number<std::int64_t>()};
                model.measured = {row.at("measured_bytes").to_number<std::int64_t>()};
                model.peak = {row.at("peak_bytes").to_number<std::int64_t>()};
                model.load_time = std::chrono::milliseconds(row.at("load_ms").to_number<std::int64_t>());
            }
        }
        report_.machine_available = memory::read_machine_memory().available;
        if (auto planned = co_await look_at_plan(); !planned) co_return planned;
        co_return co_await look_for_evictions();
    }

    // What was not needed for a text is not proven by one: a projector that comes with the first picture.
    asio::awaitable<Result<void>> look_at_plan() {
        const auto plan = co_await get("/sarai/plan");
        if (!plan) co_return std::unexpected(plan.error());
        for (const auto& row : plan->at("models").as_array())
            for (auto& model : report_.models)
                if (const auto error = protocols::string_at(row.as_object(), "error");
                    !error.empty() && model.error.empty() && model.endpoint == "local" &&
                    model.name == protocols::string_at(row.as_object(), "name"))
                    model.error = error;
        co_return Result<void>{};
    }

    // Who answers because others went answers after them, not beside them.
    asio::awaitable<Result<void>> look_for_evictions() {
        const auto why = co_await get("/sarai/why?last=256");
        if (!why) co_return std::unexpected(why.error());
        const auto since = std::chrono::ceil<std::chrono::seconds>(Clock::now() - begun_).count();
        for (const auto& decision : why->at("decisions").as_array()) {
            if (decision.at("event") != "evict" || decision.at("age_s").to_number<std::int64_t>() >= since) continue;
            for (auto& model : report_.models)
                if (model.error.empty() && model.name == std::string_view(decision.at("model").as_string()))
                    model.error = fmt::format("it answered but did not stay in memory: {}",
                                              decision.at("outcome").as_string().c_str());
        }
        co_return Result<void>{};
    }

    void progress(std::string_view text) const {
        if (!options_.json && ::isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K{} ...", text);
    }

    ProveOptions options_;
    asio::io_context io_{1};
    net::Client client_;
    ProofReport report_;
    std::optional<Bytes> peak_before_;  // of the server, when we began
    Clock::time_point begun_ = Clock::now();
    Clock::time_point asked_;  // all of them
};

int fail_with(const Error& error) {
    fmt::print(stderr, "sarai: {}\n", describe(error));
    return exit_status(error.code);
}

// With the key that the commands use.
Result<net::Origin> server_at(const std::string& url) {
    auto origin = net::Origin::parse(url);
    if (const char* key = std::getenv("SARAI_API_KEY"); key != nullptr && origin) origin->bearer = key;
    return origin;
}

bool answers(const net::Origin& origin) {
    asio::io_context io;
    net::Client client(io.get_executor(), origin);
    bool yes = false;
    asio::co_spawn(
        io,
        [&]() -> asio::awaitable<void> {
            yes = (co_await client.fetch({.target = "/health"}, {.first_byte = 2s})).has_value();
        },
        asio::detached);
    io.run();
    return yes;
}

int prove_at(const net::Origin& origin, const ProveOptions& options) {
    Result<ProofReport> report = fail(Code::upstream, "what answers there is not a sarai server");
    try {
        report = Prover(origin, options).run();
    } catch (const boost::system::system_error& error) {
        report.error().message += fmt::format(" ({})", error.code().message());
    }
    if (::isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K");
    if (!report)
        return fail_with(report.error().code == Code::unavailable ? cli::unreachable(origin, report.error())
                                                                  : report.error());
    cli::Io::of_process().out << (options.json ? report_json(*report) : report_table(*report));
    return report->passed() ? 0 : 1;
}

// Starts a server, proves, and ends it. The server's output is read meanwhile, or it would block.
int prove_with_server(const ProveOptions& options) {
    asio::io_context io;
    auto server = engine::ChildProcess::start(
        io.get_executor(), {.program = engine::own_program(),
                            .arguments = {"serve", "--config", options.config->string()},
                            .environment = {{"SARAI_SERVER_LISTEN", "127.0.0.1:0"}, {"SARAI_LOG", "info"}}});
    if (!server) return fail_with(server.error());
    constexpr std::string_view marker = "listening on ";
    std::string url;
    while ((*server)->running() && url.empty()) {
        io.run_for(20ms);
        const auto words = (*server)->last_words(50);
        const auto at = words.find(marker);
        if (at == std::string::npos) continue;
        const auto begin = at + marker.size();
        url = words.substr(begin, words.find_first_of(", \n", begin) - begin);
    }
    if (url.empty()) {
        fmt::print(stderr, "{}\n", (*server)->last_words(20));
        return exit_status(Code::invalid_argument);
    }
    int status = 1;
    {
        std::jthread reader([&io](const std::stop_token& stop) {
            while (!stop.stop_requested()) io.run_for(50ms);
        });
        status = prove_at(*server_at(url), options);
    }
    asio::co_spawn(io, [&]() -> asio::awaitable<void> { co_await (*server)->stop(5s); }, asio::detached);
    io.run_for(8s);
    return status;
}

}  // namespace

int run_prove(const ProveOptions& options) {
    const auto origin = server_at(options.url);
    if (!origin) return fail_with(origin.error());
    if (options.config && !answers(*origin)) return prove_with_server(options);
    return prove_at(*origin, options);
}

}  // namespace sarai::app
