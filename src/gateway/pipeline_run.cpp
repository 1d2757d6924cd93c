#include "gateway/pipeline_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancel_at.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <deque>
#include <map>
#include <set>

#include "base/prompt_template.hpp"
#include "config/pipeline_graph.hpp"
#include "gateway/answer.hpp"
#include "gateway/attachments.hpp"
#include "gateway/body_share.hpp"
#include "gateway/framed_face.hpp"
#include "gateway/knowledge_desk.hpp"
#include "gateway/pipeline_sources.hpp"
#include "gateway/read_ahead.hpp"
#include "gateway/router_desk.hpp"
#include "gateway/step_exchange.hpp"
#include "media/files.hpp"
#include "pipelines/step_request.hpp"
#include "protocols/json.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;

// Does the client ask for the thoughts of a model, or for the steps themselves?
bool wants_steps(const net::Exchange& exchange, const json::object& body) {
    if (const std::string_view wish = exchange.request()["x-sarai-steps"]; !wish.empty()) return wish == "show";
    if (const auto effort = protocols::string_at(body, "reasoning_effort"); !effort.empty()) return effort != "none";
    const auto* arguments = protocols::object_at(body, "chat_template_kwargs");
    const auto* thinks = arguments == nullptr ? nullptr : protocols::find(*arguments, "enable_thinking");
    return thinks != nullptr && thinks->is_bool() && thinks->get_bool();
}

// Here thinking is what the steps do.
void forget_thinking(json::object& body) {
    for (const auto* key : {"reasoning_effort", "chat_template_kwargs", "thinking_budget_tokens"}) body.erase(key);
}

// Text around it would break what the client is going to parse.
bool wants_json(const json::object& body) {
    const auto* format = protocols::object_at(body, "response_format");
    return format != nullptr && protocols::string_at(*format, "type").starts_with("json");
}

bool reads_steps(const std::string& condition) {
    const auto parsed = PromptTemplate::parse_condition(condition);
    return !parsed || std::ranges::any_of(parsed->names(), [](const auto& name) { return name.starts_with("steps."); });
}

class PipelineRun {
public:
    PipelineRun(net::Exchange& exchange, Caller& caller, llm::Request request, Face& face, Protocol protocol,
                Shared shared, config::Pipeline pipeline)
        : exchange_(exchange),
          caller_(caller),
          request_(std::move(request)),
          face_(face),
          protocol_(protocol),
          shared_(shared),
          pipeline_(std::move(pipeline)),
          graph_(config::read_graph(pipeline_).graph),
          shows_(wants_steps(exchange, request_.body)),
          progress_(exchange, request_.stream, [this] {
              exchange_.start(
                  200, face_.stream_type(),
                  {{"Cache-Control", "no-cache"}, {"X-Accel-Buffering", "no"}, {"x-sarai-pipeline", pipeline_.name}});
          }) {
        forget_thinking(request_.body);
    }

    // The request of the step that answers; nullopt: the client was told why there is none.
    asio::awaitable<void> prepare() {
        auto prepared = co_await steps();
        if (prepared)
            final_ = std::move(*prepared);
        else
            co_await refuse(prepared.error());
    }
    [[nodiscard]] std::optional<llm::Request>& final_step() { return final_; }
    // What stands around the answer.
    [[nodiscard]] FramedFace::Frame frame() { return std::move(frame_); }

    // What the answer tells of the steps before it.
    void tell() {
        caller_.pipeline = pipeline_.name;
        std::vector<std::string> words;
        for (const auto& one : told_) {
            const auto& step = one.get_object();
            const auto name = protocols::string_at(step, "name");
            words.push_back(
                step.contains("skipped") ? fmt::format("{} left out", name)
                : step.contains("model")
                    ? fmt::format("{} by {}", name, protocols::string_at(step, "model"))
                    : fmt::format("{} of {}", name,
                                  step.contains("web") ? "the web" : protocols::string_at(step, "knowledge")));
        }
        words.push_back(fmt::format("{} by {}", pipeline_.output, final_->model));
        caller_.why_routed += fmt::format("{}pipeline {}: {}", caller_.why_routed.empty() ? "" : "; ", pipeline_.name,
                                          fmt::join(words, ", "));
        caller_.to_tell["sarai_pipeline"] = {{"name", pipeline_.name},
                                             {"steps", std::move(told_)},
                                             {"proven_peak_bytes", proof_.peak().count},
                                             {"budget_bytes", proof_.budget.count}};
        auto& about = caller_.to_tell["sarai_pipeline"].get_object();
        if (read_ahead_ > 0) about["read_ahead_tokens"] = read_ahead_;
        if (sources_ && !sources_->citations().empty()) about["citations"] = sources_->citations();
        if (sources_ && !sources_->notes().empty()) about["notes"] = sources_->notes();
        if (shows_ && !request_.stream) caller_.thought = std::move(thought_);
    }

    asio::awaitable<void> refuse(Error error) {
        caller_.status = http_status(error.code);
        if (!exchange_.started()) co_return (void) co_await exchange_.respond(error_reply(protocol_, error));
        std::string out;
        face_.stream_error(error, out);
        (void)co_await exchange_.finish(out);
    }

private:
    asio::awaitable<Result<llm::Request>> steps() {
        if (auto allowed = access::may_use(caller_.visit.key(), pipeline_.name); !allowed)
            co_return std::unexpected(allowed.error());
        if (auto named = media::name_files(request_.body, shared_.config.media.max_bytes); !named)
            co_return std::unexpected(named.error());
        auto inputs = pipelines::read_inputs(pipeline_, request_, shared_.desk.language_of(request_));
        if (!inputs) co_return std::unexpected(inputs.error());
        inputs_ = std::move(*inputs);
        // A photo more than needed would be in memory until the end.
        request_.body.erase("messages");
        request_.text = {};
        sources_.emplace(exchange_, caller_, shared_, inputs_.language);
        if (auto ready = co_await prove_first(); !ready) co_return std::unexpected(ready.error());
        if (auto done = co_await take_all(); !done) co_return std::unexpected(done.error());
        const auto output = graph_.output;
        const pipelines::Ending ending{.sources = sources_->list(), .notes = sources_->notes()};
        if (!wants_json(request_.body)) {
            auto frame = pipelines::frame_of(pipeline_, inputs_, results_, ending);
            if (!frame) co_return std::unexpected(frame.error());
            frame_ = {.preface = std::move(frame->preface), .closing = std::move(frame->closing)};
        }
        auto last = pipelines::final_request(pipeline_, pipeline_.steps[output], models_[output], inputs_, results_,
                                             ending, request_);
        if (last) last->media_ready = shared_.media != nullptr;
        co_return last;
    }

    // Finds out who takes part, and whether all of them fit at once.
    asio::awaitable<Result<void>> prove_first() {
        models_.resize(pipeline_.steps.size());
        left_out_.resize(pipeline_.steps.size());
        std::vector<pool::PoolCore::Participant> needed;
        for (const auto i : graph_.order) {
            const auto& step = pipeline_.steps[i];
            if (!step.when.empty() && !reads_steps(step.when)) {
                const auto wanted = pipelines::is_wanted(pipeline_, step, inputs_, results_);
                if (!wanted) co_return std::unexpected(wanted.error());
                left_out_[i] = !*wanted;
                if (left_out_[i]) continue;
            }
            auto model = step.asks_model() ? who_takes(pipeline_, step, shared_) : co_await who_embeds(step);
            if (!model) co_return std::unexpected(model.error());
            models_[i] = std::move(*model);
            if (models_[i].empty()) continue;
            const auto index = find_model(shared_.config, models_[i]);
            if (!index) co_return std::unexpected(index.error());
            needed.push_back(
                {.model = who_serves(shared_.config, *index), .media = pipelines::takes_attachments(step, inputs_)});
        }
        const auto body = Bytes{static_cast<std::int64_t>(exchange_.request().body().size())};
        if (auto fits = co_await prove(needed, body); !fits) co_return fits;
        const auto converted = co_await convert();
        if (!converted) co_return std::unexpected(converted.error());
        if (const auto more = more_for_steps(needed, converted->size); more > Bytes{}) {
            if (auto fits = co_await prove(needed, body + converted->held + more); !fits) co_return fits;
            if (auto held = exchange_.hold_more(more); !held) co_return held;
        }
        proof_.converting = converted->memory;
        // In their order, while the first ones are at work.
        for (const auto& one : needed) (void)shared_.pool.prefetch(one.model, one.media);
        co_return Result<void>{};
    }

    [[nodiscard]] Bytes more_for_steps(const std::vector<pool::PoolCore::Participant>& needed, Bytes media) const {
        std::set<pool::ModelIndex> here;
        int takers = 0;
        for (const auto& one : needed) {
            if (!one.media) continue;
            ++takers;
            if (shared_.pool.core().models()[one.model].has_local) here.insert(one.model);
        }
        return more_for_media(media, static_cast<int>(here.size()), takers);
    }

    // `body`: how large the request is, with what its media became larger than they came.
    asio::awaitable<Result<void>> prove(const std::vector<pool::PoolCore::Participant>& needed, Bytes body) {
        const auto brought = memory_of_bodies(body);
        const auto vectors = shared_.knowledge.would_keep(searched_);
        auto proof = co_await shared_.pool.prove(needed, brought + vectors);
        // Without room for vectors it is searched by words alone.
        if (proof && vectors > Bytes{} && !proof->fits()) proof = co_await shared_.pool.prove(needed, brought);
        if (!proof) co_return std::unexpected(proof.error());
        if (!proof->fits())
            co_return std::unexpected(pool::explain(*proof, fmt::format("pipeline '{}'", pipeline_.name)));
        proof_ = std::move(*proof);
        co_return Result<void>{};
    }

    // What the steps take beside text, as their models are given it.
    asio::awaitable<Result<media::MediaReport>> convert() {
        if (shared_.media == nullptr) co_return media::MediaReport{};
        std::vector<TakenStep> steps;
        const auto add = [&](std::size_t i) {
            const auto model = find_model(shared_.config, models_[i]);
            if (!left_out_[i] && model)
                steps.push_back({.step = &pipeline_.steps[i], .wish = media_wish(shared_.config.models[*model])});
        };
        for (const auto i : graph_.order)
            if (i != graph_.output) add(i);
        add(graph_.output);
        auto found = co_await convert_attachments(inputs_, std::move(steps), *shared_.media,
                                                  [this](Bytes more) { return exchange_.hold_more(more); });
        if (found) note_media(caller_, *found);
        co_return found;
    }

    // The model of a step that searches documents; empty: none takes part, as for the web.
    asio::awaitable<Result<std::string>> who_embeds(const config::PipelineStep& step) {
        if (step.web) co_return std::string();
        const auto name = pipelines::collection_of(pipeline_, step, inputs_, results_);
        if (!name) co_return std::unexpected(name.error());
        auto there = co_await shared_.knowledge.collection(*name);
        if (!there && there.error().code == Code::not_found && shared_.knowledge.default_model().empty())
            co_return std::unexpected(of_step(
                {.code = Code::unsupported,
                 .message =
                     fmt::format("there is no collection '{}', and no embedding model that could make one", *name),
                 .hint = "Configure a model with kind: embedding (models.NAME.kind), then add documents with sarai kb "
                         "add.",
                 .field = "model"},
                step));
        if (!there) co_return std::unexpected(of_step(there.error(), step));
        // Then it is searched by words alone, and the answer says so.
        if (!find_model(shared_.config, there->model)) co_return std::string();
        searched_.push_back(*there);
        co_return std::move(there->model);
    }

    asio::awaitable<Result<void>> take_all() {
        const auto executor = co_await asio::this_coro::executor;
        for (std::size_t i = 0; i < pipeline_.steps.size(); ++i)
            ended_.emplace_back(executor, Clock::time_point::max());
        using Taken = decltype(asio::co_spawn(executor, take(0), asio::deferred));
        std::vector<Taken> all;
        for (const auto i : graph_.order)
            if (i != graph_.output) all.push_back(asio::co_spawn(executor, take(i), asio::deferred));
        if (all.empty()) co_return Result<void>{};
        const auto ahead = read_ahead(executor);
        // The first one that fails takes the others with it.
        auto [order, thrown] = co_await asio::experimental::make_parallel_group(std::move(all))
                                   .async_wait(asio::experimental::wait_for_one_error(), asio::use_awaitable);
        if (failure_) co_return std::unexpected(std::move(*failure_));
        for (const auto& one : thrown)
            if (one) std::rethrow_exception(one);
        if (ahead) read_ahead_ = co_await ahead->finish();
        co_return Result<void>{};
    }

    // The prompt of the step that answers, as it grows, by the worker that will need it; while a server works on the
    // steps before, or one waits for something.
    std::unique_ptr<IdleReader> read_ahead(const asio::any_io_executor& executor) {
        const auto index = find_model(shared_.config, models_[graph_.output]);
        if (!index) return nullptr;
        const auto model = who_serves(shared_.config, *index);
        const auto& spec = shared_.pool.core().models()[model];
        if (!spec.has_local || !spec.endpoints.empty()) return nullptr;
        return read_prompt_ahead(executor, shared_.pool, model, caller_.id, [this]() -> std::optional<KnownPrompt> {
            std::vector<std::string> left_out;
            pipelines::Results partial;
            for (std::size_t i = 0; i < pipeline_.steps.size(); ++i) {
                if (left_out_[i]) left_out.push_back(pipeline_.steps[i].name);
                if (under_way_.contains(i)) partial[pipeline_.steps[i].name] = under_way_.at(i)->text();
            }
            const auto output = graph_.output;
            auto known = pipelines::known_part(pipeline_, pipeline_.steps[output], models_[output], inputs_, results_,
                                               partial, left_out, request_);
            if (!known) return std::nullopt;
            return KnownPrompt{.request = std::move(known->request), .until = std::move(known->until)};
        });
    }

    struct Failed {};

    // A step's text so far, while it is asked.
    struct UnderWay {
        std::map<std::size_t, const StepFace*>& all;
        std::size_t step;
        UnderWay(std::map<std::size_t, const StepFace*>& of, std::size_t i, const StepFace& face) : all(of), step(i) {
            all[i] = &face;
        }
        ~UnderWay() { all.erase(step); }
        UnderWay(const UnderWay&) = delete;
        UnderWay& operator=(const UnderWay&) = delete;
    };

    // What a step has cost, by the client's key.
    struct Paid {
        Paid(Caller& whose, const Caller& of) : client(whose), step(of) {}
        ~Paid() { client.visit.spend(step.tokens_spent); }
        Paid(const Paid&) = delete;
        Paid& operator=(const Paid&) = delete;
        Caller& client;
        const Caller& step;
    };

    // Throws Failed, with the reason in failure_.
    asio::awaitable<void> take(std::size_t i) {
        for (const auto need : graph_.needs[i])
            if (!done_.contains(need)) co_await ended_[need].async_wait(asio::as_tuple(asio::use_awaitable));
        if (const auto state = co_await asio::this_coro::cancellation_state;
            state.cancelled() != asio::cancellation_type::none)
            throw boost::system::system_error(asio::error::operation_aborted);
        const auto& step = pipeline_.steps[i];
        if (!left_out_[i] && !step.when.empty()) {
            const auto wanted = pipelines::is_wanted(pipeline_, step, inputs_, results_);
            if (!wanted) give_up(wanted.error());
            left_out_[i] = !*wanted;
        }
        if (left_out_[i])
            told_.push_back({{"name", step.name}, {"skipped", true}});
        else if (step.asks_model())
            co_await ask(i);
        else
            co_await look_up(i);
        done_.insert(i);
        ended_[i].cancel();
    }

    asio::awaitable<void> look_up(std::size_t i) {
        const auto& step = pipeline_.steps[i];
        auto what = pipelines::search_for(pipeline_, step, inputs_, results_);
        if (!what) give_up(what.error());
        const auto began = Clock::now();
        auto found = co_await sources_->search(step, std::move(*what));
        if (!found) give_up(of_step(found.error(), step));
        json::object told{{"name", step.name},
                          {"seconds", std::chrono::duration<double>(Clock::now() - began).count()}};
        for (auto& [key, value] : found->about) told[key] = std::move(value);
        told_.push_back(std::move(told));
        if (shows_ && !found->text.empty()) {
            std::string out;
            StepFace face(face_, {.step = step.name, .id = caller_.id, .model = pipeline_.name}, request_.stream);
            face.show_all(found->text, out);
            (void)co_await progress_.write(out);
            thought_ += fmt::format("[{}] {}\n\n", step.name, found->text);
        }
        if (!found->text.empty()) results_[step.name] = std::move(found->text);
    }

    [[nodiscard]] Error of_step(Error error, const config::PipelineStep& step) const {
        error.message = fmt::format("step '{}' of pipeline '{}': {}", step.name, pipeline_.name, error.message);
        return error;
    }

    asio::awaitable<void> ask(std::size_t i) {
        const auto& step = pipeline_.steps[i];
        auto request = pipelines::request_for(pipeline_, step, models_[i], inputs_, results_);
        if (!request) give_up(request.error());
        request->media_ready = shared_.media != nullptr;
        StepExchange exchange(exchange_, progress_);
        StepFace face(face_, {.step = step.name, .id = caller_.id, .model = pipeline_.name}, shows_);
        Caller caller{.visit = {},
                      .name = caller_.name,
                      .id = fmt::format("{}.{}", caller_.id, step.name),
                      .trace = caller_.trace,
                      .pipeline = pipeline_.name};
        const auto began = Clock::now();
        {
            const UnderWay shown(under_way_, i, face);
            // Also where it is cut: what the client has had of it is paid for.
            const Paid paid(caller_, caller);
            co_await answer(exchange, caller, std::move(*request), face, protocol_, shared_);
        }
        if (caller.failure) give_up(of_step(*caller.failure, step));
        results_[step.name] = face.text();
        if (shows_ && !request_.stream) thought_ += fmt::format("[{}] {}\n\n", step.name, face.text());
        json::object told{{"name", step.name},
                          {"seconds", std::chrono::duration<double>(Clock::now() - began).count()}};
        for (const auto& [key, value] : caller.notes)
            if (key == "model" || key == "backend" || key == "endpoint") told[key] = value;
        if (!told.contains("model")) told["model"] = models_[i];
        if (caller.usage) {
            told["prompt_tokens"] = caller.usage->prompt_tokens;
            told["tokens"] = caller.usage->completion_tokens;
        }
        told_.push_back(std::move(told));
    }

    [[noreturn]] void give_up(const Error& error) {
        if (!failure_) failure_ = error;
        throw Failed{};
    }

    net::Exchange& exchange_;
    Caller& caller_;
    llm::Request request_;
    Face& face_;
    Protocol protocol_;
    Shared shared_;
    config::Pipeline pipeline_;
    config::PipelineGraph graph_;
    bool shows_;
    Progress progress_;
    pipelines::Inputs inputs_;
    pipelines::Results results_;
    pool::Proof proof_;
    std::vector<std::string> models_;              // by step
    std::vector<knowledge::Collection> searched_;  // by vectors
    std::vector<bool> left_out_;
    std::deque<asio::steady_timer> ended_;  // cancelled when the step has ended
    std::set<std::size_t> done_;
    std::optional<Error> failure_;
    json::array told_;
    std::string thought_;
    std::optional<PipelineSources> sources_;
    std::map<std::size_t, const StepFace*> under_way_;
    std::int64_t read_ahead_ = 0;  // tokens of the last step's prompt
    FramedFace::Frame frame_;
    std::optional<llm::Request> final_;
};

Error too_late(const config::Pipeline& pipeline) {
    return {.code = Code::timeout,
            .message = fmt::format("pipeline '{}' took longer than its deadline of {} ms", pipeline.name,
                                   pipeline.deadline.count())};
}

}  // namespace

Result<std::string> who_takes(const config::Pipeline& pipeline, const config::PipelineStep& step,
                              const Shared& shared) {
    if (!step.model.empty()) return step.model;
    const auto targets = shared.desk.targets(shared.catalogue);
    const auto& model = step.role == "expert"       ? targets.hard
                        : step.role == "tiny"       ? targets.soft
                        : step.role == "multimodal" ? targets.multimodal
                                                    : targets.web_query;
    if (!model.empty()) return model;
    return std::unexpected(
        Error{.code = Code::not_found,
              .message = fmt::format("step '{}' of pipeline '{}' needs a model for the role {}, and "
                                     "none is configured",
                                     step.name, pipeline.name, step.role),
              .hint = step.role == "multimodal" ? "Give a model its mmproj." : "Configure a chat model.",
              .field = "model"});
}

asio::awaitable<void> answer_by_pipeline(net::Exchange& exchange, Caller& caller, llm::Request request, Face& face,
                                         Protocol protocol, Shared shared, config::Pipeline pipeline) {
    const auto deadline = pipeline.deadline.count() == 0 ? Clock::time_point::max() : Clock::now() + pipeline.deadline;
    PipelineRun run(exchange, caller, std::move(request), face, protocol, shared, pipeline);
    // True: it ended in time. Its deadline unwinds it like a client that has gone.
    const auto in_time = [&](asio::awaitable<void> work) -> asio::awaitable<bool> {
        if (deadline == Clock::time_point::max()) {
            co_await std::move(work);
            co_return true;
        }
        try {
            co_await asio::co_spawn(co_await asio::this_coro::executor, std::move(work),
                                    asio::cancel_at(deadline, asio::use_awaitable));
            co_return true;
        } catch (const boost::system::system_error& error) {
            if (error.code() != asio::error::operation_aborted || Clock::now() < deadline) throw;
        } catch (const asio::multiple_exceptions&) {
            if (Clock::now() < deadline) throw;
        }
        co_return false;
    };
    bool late = false;
    const auto prepare = [&]() -> asio::awaitable<void> { late = !co_await in_time(run.prepare()); };
    if (co_await exchange.while_connected(prepare())) {
        caller.status = 499;
        exchange.abort();
        co_return;
    }
    if (!late && !run.final_step()) co_return;
    if (!late) {
        run.tell();
        auto last = std::move(*run.final_step());
        auto frame = run.frame();
        const bool framed = !frame.empty();
        FramedFace around(face, std::move(frame), {.id = caller.id, .model = pipeline.name});
        late = !co_await in_time(
            answer(exchange, caller, std::move(last), framed ? static_cast<Face&>(around) : face, protocol, shared));
    }
    if (late) co_await run.refuse(too_late(pipeline));
}

}  // namespace sarai::gateway
