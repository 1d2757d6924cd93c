#include "gateway/answer.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/multiple_exceptions.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>
#include <exception>

#include "base/utf8.hpp"
#include "gateway/ability.hpp"
#include "gateway/ask.hpp"
#include "gateway/attachments.hpp"
#include "gateway/body_share.hpp"
#include "gateway/brought.hpp"
#include "gateway/heartbeat.hpp"
#include "gateway/hedge.hpp"
#include "gateway/pipeline_run.hpp"
#include "gateway/read_ahead.hpp"
#include "gateway/shelf.hpp"
#include "llm/conversation.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

// Bytes of a stream that has shown nothing yet; whoever sends more has begun to answer.
constexpr std::size_t most_held_back = 64U << 10U;

void add_thought(boost::json::object& reply, const std::string& thought) {
    auto* choices = reply.if_contains("choices");
    if (choices == nullptr || !choices->is_array() || choices->get_array().empty()) return;
    auto* choice = choices->get_array().front().if_object();
    auto* message = choice == nullptr ? nullptr : choice->if_contains("message");
    if (message == nullptr || !message->is_object()) return;
    auto& text = message->get_object()["reasoning_content"];
    if (text.is_null()) text = thought;
}

// One request on its way.
class Run {
public:
    Run(net::Exchange& exchange, Caller& caller, llm::Request request, Face& face, Protocol protocol, Shared shared)
        : exchange_(exchange),
          caller_(caller),
          request_(std::move(request)),
          face_(face),
          protocol_(protocol),
          shared_(shared) {
        notes_ = std::exchange(caller_.to_tell, {});
        done_.model = "unknown";  // what clients write is no label: it would grow the metrics without end
        if (request_.stream)
            beat_ = {.every = shared_.config.server.heartbeat, .send = [this] {
                         if (!exchange_.started()) exchange_.start(200, face_.stream_type(), early_headers());
                         return send_heartbeat(what_it_waits_for());
                     }};
    }

    // Never throws but for cancellation.
    asio::awaitable<void> go() {
        Error bug;
        try {
            co_await run();
            co_return;
        } catch (const boost::system::system_error& error) {
            if (error.code() == asio::error::operation_aborted) throw;
            bug.message = error.what();
        } catch (const asio::multiple_exceptions&) {  // of several waits that were cancelled together
            throw;
        } catch (const std::exception& error) { bug.message = error.what(); }
        spdlog::error("a bug ended request {}: {}", request_.id, bug.message);
        co_await fail_with(bug);
    }

    void record(bool client_left) {
        done_.duration = Clock::now() - arrived_;
        client_left_ = client_left_ || client_left;
        if (client_left_ && !complete_) exchange_.abort();
        // Of a stream that waited in vain the client saw 200 and an error event; who reads the figures wants its kind.
        done_.status = client_left_ && !complete_ ? 499 : late_status_ != 0 ? late_status_ : exchange_.status();
        caller_.status = done_.status;
        tell();
    }

    // Who reads along is to know that this is not the whole.
    asio::awaitable<void> tell_that_the_server_ends() {
        if (!request_.stream || !exchange_.started() || exchange_.status() != 200 || complete_) co_return;
        std::string out;
        face_.stream_error({.code = Code::unavailable, .message = "sarai is shutting down"}, out);
        (void)co_await exchange_.finish(out);
    }

    // Somebody else has ended it: a pipeline's deadline, or whoever runs its steps. Who that is tells the client.
    void record_cut() {
        done_.duration = Clock::now() - arrived_;
        done_.status = 499;
        tell();
    }

private:
    void tell() {
        done_.key = caller_.name;
        shared_.metrics.count(done_);
        caller_.tokens_spent = tokens_spent();
        caller_.visit.spend(caller_.tokens_spent);
        caller_.usage = done_.usage;
        const auto note = [&](const char* name, std::string value) {
            if (!value.empty()) caller_.notes.emplace_back(name, std::move(value));
        };
        note("model", done_.model);
        note("backend", done_.backend);
        note("endpoint", endpoint_);
        note("queue_ms", fmt::format("{:.1f}", done_.waited.count() * 1000));
        if (done_.time_to_first_token)
            note("ttft_ms", fmt::format("{:.1f}", done_.time_to_first_token->count() * 1000));
        if (done_.usage) {
            note("prompt_tokens", std::to_string(done_.usage->prompt_tokens));
            note("tokens", std::to_string(done_.usage->completion_tokens));
        }
        if (done_.broke_off) note("broke_off", "1");
        if (done_.failovers > 0) note("failovers", std::to_string(done_.failovers));
        if (done_.read_ahead > 0) note("read_ahead", std::to_string(done_.read_ahead));
    }

    asio::awaitable<void> run() {
        const auto model = find_model(shared_.config, request_.model);
        if (!model) co_return co_await fail_with(access::without_names(model.error(), caller_.visit.key()));
        // Who may use a pipeline may use it whole.
        if (auto allowed = caller_.pipeline.empty()
                               ? access::may_use(caller_.visit.key(), shared_.config.models[*model].name)
                               : Result<void>{};
            !allowed)
            co_return co_await fail_with(allowed.error());
        auto ask = ask_of(exchange_, caller_.name);
        if (!ask) co_return co_await fail_with(ask.error());
        if (access::may_manage(caller_.visit.key()))
            ask->keep_alive = stay_of(request_);
        else if (request_.body.erase("keep_alive") > 0)
            request_.text = {};  // nor does a server read it
        if (caller_.trace) request_.traceparent = caller_.trace->traceparent();
        request_.id = caller_.id;
        request_.may_fail_over = may_fail_over(exchange_);
        const auto& configured = shared_.config.models[*model];
        done_.model = configured.name;
        if (configured.remote) {
            auto via = via_of(exchange_, configured.name);
            if (!via) co_return co_await fail_with(via.error());
            request_.via = std::move(*via);
        }
        if (configured.brought)
            if (const auto* manifest = shared_.shelf.find(configured.name)) apply_recipe(request_, manifest->recipe);
        if (auto able = co_await can_answer(configured, request_, shared_); !able)
            co_return co_await fail_with(able.error());
        if (auto fits = fits_worker(configured); !configured.remote && !fits)
            co_return co_await fail_with(fits.error());
        if (llm::has_media(request_))
            if (auto taken = co_await take_media(configured); !taken) co_return co_await fail_with(taken.error());
        asked_ = who_serves(shared_.config, *model);
        ask->media = shared_.pool.core().models()[asked_].media_on_demand && llm::has_media(request_);
        if (shared_.pool.core().models()[asked_].endpoints.size() > 1)
            ask->conversation = llm::conversation_of(request_);
        auto lease = co_await shared_.pool.acquire(asked_, std::move(*ask), &beat_);
        done_.waited = Clock::now() - arrived_;
        if (!lease) co_return co_await fail_with(lease.error());
        face_.waited(std::chrono::duration_cast<std::chrono::nanoseconds>(done_.waited));
        // Goes before the lease, and before this.
        const auto may_move =
            std::make_shared<const std::function<bool()>>([this, &lease] { return could_move(*lease); });
        for (;;) {
            request_.may_move.reset();
            if (lease->route().endpoint) request_.may_move = may_move;
            const auto& route = lease->route();
            note_route(route);
            if (!route.endpoint) {  // a fallback may hold less than the server would have
                const auto& who = shared_.config.models[route.model];
                if (reads_text_alone(who) && llm::has_media(request_))
                    co_return co_await fail_with(text_alone(who, fmt::format(" ({})", route.reason)));
                if (auto fits = fits_worker(who); !fits) {
                    fits.error().message += fmt::format(" ({})", route.reason);
                    co_return co_await fail_with(fits.error());
                }
            }
            auto tried = request_.stream ? co_await stream(*lease) : co_await whole(*lease);
            if (tried) co_return;
            auto next = co_await lease->next(tried.error(), false, &beat_);
            if (!next) co_return co_await fail_with(next.error());
        }
    }

    [[nodiscard]] std::size_t size_of_body() const {
        return request_.size > 0 ? request_.size : exchange_.request().body().size();
    }

    [[nodiscard]] Result<void> fits_worker(const config::Model& model) const {
        return fits_context(model, request_, size_of_body());
    }

    // Is there somebody else for it, while the server that has it hangs? A few bytes of text are a token.
    [[nodiscard]] bool could_move(const pool::Lease& lease) const {
        if (begun_ != nullptr && (!request_.may_fail_over || !begun_->so_far())) return false;
        const auto& model = shared_.config.models[lease.route().model];
        const bool media = llm::has_media(request_);
        const auto size = size_of_body();
        constexpr std::size_t bytes_of_token = 3;
        const bool to_worker =
            model.local && !(media && reads_text_alone(model)) &&
            (media || size <= bytes_of_token * static_cast<std::size_t>(model.local->context_length));
        return lease.could_move(to_worker, !media);
    }

    // Pictures, sound and films become what the engine reads; what it could not be given is refused here.
    asio::awaitable<Result<void>> take_media(const config::Model& model) {
        if (shared_.media != nullptr && !request_.media_ready) {
            const auto found = co_await shared_.media->normalize(
                request_, media_wish(model), [this](Bytes more) { return exchange_.hold_more(more); });
            if (!found) co_return std::unexpected(found.error());
            if (auto held = exchange_.hold_more(more_for_media(found->size, model.local ? 1 : 0)); !held)
                co_return held;
            note_media(caller_, *found);
        }
        if (!model.remote && reads_text_alone(model) && llm::has_media(request_))
            co_return std::unexpected(text_alone(model));
        co_return model.remote ? Result<void>{} : fits_worker(model);  // what was a file may be text by now
    }

    // An error from here means that nothing was sent.
    asio::awaitable<Result<void>> whole(pool::Lease& lease) {
        auto reply = co_await lease.backend().complete(request_);
        if (!reply) co_return std::unexpected(reply.error());
        done_.time_to_first_token = Clock::now() - arrived_;
        done_.usage = llm::usage_of(*reply);
        lease.answered(pool::PoolCore::Came::whole);
        lease.served(llm::rates_of(*reply));
        complete_ = true;
        for (auto& [key, value] : std::exchange(notes_, {})) (*reply)[key] = value;
        if (!caller_.thought.empty()) add_thought(*reply, caller_.thought);
        (void)co_await exchange_.respond({.body = face_.reply(*reply), .headers = headers(lease.route())});
        co_return Result<void>{};
    }

    asio::awaitable<Result<void>> stream(pool::Lease& lease) {
        Heartbeat heartbeat(
            co_await asio::this_coro::executor, beat_.every, [this, &lease] { return tell_that_it_reads(lease); },
            [this] { exchange_.give_up(); });
        auto events = co_await heartbeat.during(begin(lease));
        if (!events) co_return std::unexpected(events.error());
        // Made while the model still works; it leaves with the first token.
        if (!exchange_.started())
            exchange_.start(200, face_.stream_type(), stream_headers(lease.route()));
        else
            notes_["sarai_route"] = {{"model", done_.model},
                                     {"backend", done_.backend},
                                     {"endpoint", endpoint_},
                                     {"reason", reason(lease.route())},
                                     {"fallback", lease.route().fallback}};
        llm::Transcript transcript(request_);
        const HasBegun has_begun(*this);
        auto warm = read_ahead(co_await asio::this_coro::executor, lease.route(), transcript);
        std::string out;
        bool started = false;
        bool reads_prompt = true;  // so that its next event may take long: first, and after a takeover
        std::int64_t had = 0;      // tokens of the answer that this stream goes on with
        std::optional<llm::Rates> rates;
        for (;;) {
            auto event = reads_prompt && !(*events)->ready() ? co_await heartbeat.during((*events)->next())
                                                             : co_await (*events)->next();
            if (!event) {
                if (!started) co_return std::unexpected(event.error());
                events->reset();  // closes its connection
                const auto read = warm ? co_await warm->finish() : 0;
                warm.reset();
                auto resumed = co_await take_over(lease, heartbeat, transcript, std::move(event.error()));
                if (!resumed) {
                    done_.broke_off = true;
                    caller_.failure = resumed.error();
                    face_.stream_error(resumed.error(), out);
                    (void)co_await exchange_.finish(out);
                    co_return Result<void>{};
                }
                if (!lease.route().endpoint) done_.read_ahead = read;
                *events = std::move(resumed->events);
                had = resumed->had;
                rates.reset();
                reads_prompt = true;
                if (*events) continue;
                {
                    const auto end = transcript.end_at_limit(resumed->prompt, had);
                    done_.usage = llm::usage_of(end.chunk());
                    face_.event(end, out);
                }
                break;
            }
            if (!*event) break;
            reads_prompt = reads_prompt && !llm::has_output(**event);
            std::optional<llm::Rates> told;
            if (!(*event)->is_only_text()) told = llm::rates_of((*event)->chunk());
            if (done_.failovers > 0) {
                auto whole = transcript.continued(**event, had);
                if (!whole) continue;
                *event = std::move(*whole);
            }
            if (!notes_.empty()) *event = with_notes(**event);
            transcript.add(**event);
            ++texts_;
            if (!(*event)->is_only_text()) {
                if (auto usage = llm::usage_of((*event)->chunk())) done_.usage = usage;
                if (told) rates = told;
            }
            face_.event(**event, out);
            // Held back until there is something to show, so that a backend that fails before can still be replaced.
            if (!started) {
                if (!llm::has_output(**event) && llm::finish_reason_of(**event).empty() && out.size() < most_held_back)
                    continue;
                started = true;
                begun_ = &transcript;
                lease.answered();
                done_.time_to_first_token = Clock::now() - arrived_;
            }
            if (out.empty() || (*events)->ready()) continue;
            auto written = co_await exchange_.write(out);
            out.clear();
            if (!written) {
                client_left_ = true;
                co_return Result<void>{};
            }
        }
        lease.served(rates);
        face_.end(out);
        complete_ = true;
        (void)co_await exchange_.finish(out);
        co_return Result<void>{};
    }

    // The stream of the lease's backend; of the local worker, whose lease it then is, where a server is slow to begin.
    asio::awaitable<Result<std::unique_ptr<llm::EventStream>>> begin(pool::Lease& lease) {
        const auto& model = shared_.config.models[lease.route().model];
        if (!model.hedge || !fits_worker(model)) co_return co_await lease.backend().stream(request_);
        const auto usual = usual_first_token(shared_.pool, lease.route());
        if (!usual) co_return co_await lease.backend().stream(request_);
        auto begun = co_await begin_hedged(shared_.pool, lease, request_, *usual);
        if (!begun) co_return std::unexpected(begun.error());
        done_.hedged = begun->hedged;
        done_.hedge_won = begun->local_won;
        if (begun->local_won) {
            note_route(lease.route());
            spdlog::info("{}: {}", request_.id, lease.route().reason);
        }
        co_return std::move(begun->events);
    }

    // For a server's answer, where the model wants it and somebody may go on with it.
    std::unique_ptr<IdleReader> read_ahead(const asio::any_io_executor& executor, const pool::Route& route,
                                           llm::Transcript& transcript) {
        const auto& model = shared_.config.models[route.model];
        if (!model.warm_takeover || !route.endpoint || !transcript.so_far() || !fits_worker(model)) return nullptr;
        return read_answer_ahead(executor, shared_.pool, route.model, request_,
                                 [&transcript] { return transcript.so_far(); });
    }

    // Another backend that goes on with an answer whose own was lost. The error is what the client is to read.
    asio::awaitable<Result<llm::Resumed>> take_over(pool::Lease& lease, Heartbeat& heartbeat,
                                                    llm::Transcript& transcript, Error failure) {
        auto partial = transcript.partial();
        if (!partial) {
            lease.broke_off(failure);
            failure.message += fmt::format(" ({})", partial.error().message);
            co_return std::unexpected(std::move(failure));
        }
        const auto from = endpoint_;
        const auto first = failure;
        for (;;) {
            if (auto next = co_await lease.next(failure, true, &beat_); !next) {
                auto error = next.error();
                if (!error.message.contains(first.message)) error.message += fmt::format(" (after: {})", first.message);
                co_return std::unexpected(std::move(error));
            }
            note_route(lease.route());
            if (auto fits = fits_worker(shared_.config.models[lease.route().model]); !lease.route().endpoint && !fits) {
                failure = std::move(fits.error());
                failure.code = Code::upstream;  // it says nothing of the next one
                continue;
            }
            auto resumed = co_await heartbeat.during(lease.backend().resume(request_, *partial));
            if (!resumed) {
                failure = std::move(resumed.error());
                // Whatever one backend has against a text that another wrote, it says nothing of the next one.
                if (is_requests_fault(failure.code)) failure.code = Code::upstream;
                continue;
            }
            ++done_.failovers;
            spdlog::warn("{}: {} goes on with the answer of {} after {} tokens{}", request_.id, endpoint_, from,
                         resumed->had, resumed->exact ? "" : ", by its text alone");
            lease.answered(pool::PoolCore::Came::continuation);
            notes_["sarai_failover"] = {
                {"from", from},           {"to", endpoint_},         {"model", done_.model},
                {"tokens", resumed->had}, {"exact", resumed->exact}, {"reason", valid_utf8(first.message)}};
            co_return resumed;
        }
    }
    // The headers have left long ago: the next chunk tells what they would.
    llm::StreamEvent with_notes(const llm::StreamEvent& event) {
        auto chunk = event.chunk();
        for (auto& [key, value] : std::exchange(notes_, {})) chunk[key] = value;
        return llm::StreamEvent(std::move(chunk));
    }

    // Proxies and clients close a connection on which nothing comes; and a person should see that it goes on.
    asio::awaitable<bool> send_heartbeat(std::string what) {
        std::string out;
        face_.heartbeat(what, out);
        const auto written = co_await exchange_.write(out);
        client_left_ = client_left_ || !written;
        co_return written.has_value();
    }

    // What a backend does before its first token takes minutes, where the prompt is long and the model large.
    asio::awaitable<bool> tell_that_it_reads(const pool::Lease& lease) {
        // Should another one answer in the end, the first chunk says so.
        if (!exchange_.started()) exchange_.start(200, face_.stream_type(), stream_headers(lease.route()));
        return send_heartbeat(fmt::format("{} reads the prompt", endpoint_));
    }

    [[nodiscard]] std::string what_it_waits_for() const {
        const auto& pool = shared_.pool;
        const auto& name = shared_.config.models[asked_].name;
        const auto local = pool.local(asked_);
        if (local.state == pool::LocalState::loading)
            return fmt::format("model '{}' is loading, {:.0f} %", name, local.load_progress * 100);
        if (local.state != pool::LocalState::ready && local.waiting > 0 && pool.core().models()[asked_].has_local)
            return fmt::format("model '{}' is {}", name, pool::name_of(local.state));
        return fmt::format("{} {} for model '{}'", local.waiting,
                           local.waiting == 1 ? "request waits" : "requests wait", name);
    }

    asio::awaitable<void> fail_with(Error error) {
        caller_.failure = error;
        if (exchange_.started()) {  // too late for a status line
            if (!request_.stream || exchange_.status() != 200) co_return exchange_.abort();
            std::string out;
            face_.stream_error(error, out);
            done_.broke_off = true;
            complete_ = !client_left_;
            late_status_ = http_status(error.code);
            (void)co_await exchange_.finish(out);
            co_return;
        }
        complete_ = true;
        if (!caller_.why_routed.empty()) {  // "auto" chose who was asked
            exchange_.add_header("x-sarai-model", done_.model);
            exchange_.add_header("x-sarai-reason", caller_.why_routed);
        }
        (void)co_await exchange_.respond(error_reply(protocol_, error));
    }

    // For the key's limit. An answer whose client left has no usage: a chunk of text is mostly one token, and four
    // bytes of a request are about one.
    [[nodiscard]] std::int64_t tokens_spent() const {
        if (done_.usage) return (done_.usage->prompt_tokens + done_.usage->completion_tokens) * answers_asked();
        if (endpoint_.empty()) return 0;  // no backend was asked
        return texts_ + static_cast<std::int64_t>(exchange_.request().body().size() / 4);
    }

    // Backends tell the usage of one of several answers.
    [[nodiscard]] std::int64_t answers_asked() const {
        std::int64_t count = 1;
        if (!llm::generates(request_.task)) return count;  // whatever else such a request has
        if (const auto* n = request_.body.if_contains("n"); n != nullptr && n->is_int64()) count = n->get_int64();
        if (const auto* prompts = request_.body.if_contains("prompt"); prompts != nullptr && prompts->is_array())
            if (const auto& all = prompts->get_array(); !all.empty() && !all.front().is_number())
                count *= static_cast<std::int64_t>(all.size());
        return std::max<std::int64_t>(1, count);
    }

    void note_route(const pool::Route& route) {
        done_.model = shared_.config.models[route.model].name;  // another one may stand in for what was asked
        done_.backend = backend_name(shared_.config, route);
        done_.fallback = route.fallback;
        endpoint_ = route.endpoint ? shared_.pool.core().endpoints()[*route.endpoint].name : "local";
    }
    [[nodiscard]] net::HeaderList headers(const pool::Route& route) const {
        net::HeaderList list{{"x-sarai-model", done_.model},
                             {"x-sarai-backend", done_.backend},
                             {"x-sarai-endpoint", endpoint_},
                             {"x-sarai-reason", reason(route)},
                             {"x-sarai-queue-ms", fmt::format("{:.1f}", done_.waited.count() * 1000)}};
        if (route.fallback) list.emplace_back("x-sarai-fallback", "true");
        if (!caller_.pipeline.empty()) list.emplace_back("x-sarai-pipeline", caller_.pipeline);
        return list;
    }
    [[nodiscard]] net::HeaderList stream_headers(const pool::Route& route) const {
        auto list = headers(route);
        for (auto& header : common_stream_headers()) list.push_back(std::move(header));
        return list;
    }
    // Before it is known who answers.
    [[nodiscard]] net::HeaderList early_headers() const {
        auto list = common_stream_headers();
        if (!caller_.why_routed.empty()) list.emplace_back("x-sarai-reason", caller_.why_routed);
        return list;
    }
    // Why this model, where the router chose it, and why this backend of it.
    [[nodiscard]] std::string reason(const pool::Route& route) const {
        return caller_.why_routed.empty() ? route.reason : fmt::format("{}; {}", caller_.why_routed, route.reason);
    }
    [[nodiscard]] static net::HeaderList common_stream_headers() {
        return {{"Cache-Control", "no-cache"},
                {"X-Accel-Buffering", "no"}};  // nginx and its kin must not collect tokens
    }

    // Forgets the transcript before it goes.
    struct HasBegun {
        explicit HasBegun(Run& of) : run(of) {}
        ~HasBegun() { run.begun_ = nullptr; }
        HasBegun(const HasBegun&) = delete;
        HasBegun& operator=(const HasBegun&) = delete;
        Run& run;
    };

    net::Exchange& exchange_;
    Caller& caller_;
    llm::Request request_;
    llm::Transcript* begun_ = nullptr;  // of a stream of which the client has something
    Face& face_;
    Protocol protocol_;
    Shared shared_;
    Clock::time_point arrived_ = Clock::now();
    FinishedRequest done_;
    std::string endpoint_;
    boost::json::object notes_;  // what the client was not told of yet: a failover, who answers it
    pool::ModelIndex asked_ = 0;
    pool::Beat beat_;
    bool complete_ = false;
    bool client_left_ = false;
    std::int64_t texts_ = 0;  // events of a stream
    int late_status_ = 0;     // of an error that came after the head had left with a heartbeat
};

}  // namespace

asio::awaitable<void> answer(net::Exchange& exchange, Caller& caller, llm::Request request, Face& face,
                             Protocol protocol, Shared shared) {
    if (const auto* pipeline = caller.pipeline.empty() ? shared.config.find_pipeline(request.model) : nullptr)
        co_return co_await answer_by_pipeline(exchange, caller, std::move(request), face, protocol, shared, *pipeline);
    Run run(exchange, caller, std::move(request), face, protocol, shared);
    std::exception_ptr cut;
    try {
        const bool client_left = co_await exchange.while_connected(run.go());
        run.record(client_left);
    } catch (...) { cut = std::current_exception(); }
    if (cut == nullptr) co_return;
    run.record_cut();
    if (exchange.ends()) {
        co_await asio::this_coro::reset_cancellation_state(asio::enable_terminal_cancellation());
        co_await run.tell_that_the_server_ends();
    }
    std::rethrow_exception(cut);
}

}  // namespace sarai::gateway
