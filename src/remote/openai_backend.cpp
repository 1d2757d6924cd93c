#include "remote/openai_backend.hpp"

#include <optional>
#include <vector>

#include "net/framing.hpp"
#include "protocols/json.hpp"
#include "protocols/openai.hpp"
#include "protocols/vectors.hpp"
#include "remote/completion.hpp"
#include "remote/event_stream.hpp"
#include "remote/infill.hpp"
#include "remote/prompt_reader.hpp"
#include "remote/rank.hpp"
#include "remote/resume.hpp"
#include "remote/standby.hpp"
#include "remote/text_tools.hpp"
#include "remote/truncate.hpp"
#include "remote/worker_request.hpp"

namespace sarai::remote {
namespace {

namespace openai = protocols::openai;
using net::asio::awaitable;

class SseFeed final : public Feed {
public:
    // `as_chat`: raw completions become parts of a chat's answer.
    explicit SseFeed(std::string client_model, bool as_chat = false)
        : decoder_(std::move(client_model)), as_chat_(as_chat) {}

    Result<void> feed(std::string_view bytes, std::vector<llm::StreamEvent>& events) override {
        if (auto fed = parser_.feed(bytes); !fed) return fed;
        return drain(events);
    }
    bool ended() const override { return decoder_.ended(); }
    Result<void> close(std::vector<llm::StreamEvent>& events) override {
        // The last event may lack the blank line that ends it.
        if (auto fed = parser_.feed("\n\n"); !fed) return fed;
        if (auto drained = drain(events); !drained) return drained;
        return decoder_.close();
    }

private:
    Result<void> drain(std::vector<llm::StreamEvent>& events) {
        while (!decoder_.ended()) {
            auto unit = parser_.next();
            if (!unit) break;
            auto event = decoder_.event(unit->name, std::move(unit->data));
            if (!event) return std::unexpected(std::move(event.error()));
            if (*event) events.push_back(as_chat_ ? openai::as_chat(**event) : std::move(**event));
        }
        return {};
    }

    net::SseParser parser_;
    openai::StreamDecoder decoder_;
    bool as_chat_;
};

std::string target_of(const Link& link, std::string_view path) {
    std::string target = link.client->origin().base.empty() ? "/v1" : "";
    target += path;
    return target;
}

class OpenAiBackend final : public llm::Backend {
public:
    explicit OpenAiBackend(Link link) : link_(std::move(link)) {}

    awaitable<Result<boost::json::object>> complete(const llm::Request& request) override {
        const bool is_worker = link_.continues == Continues::raw_text;
        switch (request.task) {
            case llm::Task::tokenize:
            case llm::Task::detokenize:
            case llm::Task::count:
                if (is_worker) co_return co_await tell_about_text(link_, request);
                co_return std::unexpected(named(
                    link_,
                    {.code = Code::unsupported, .message = "does not tell the tokens of a text", .field = "model"}));
            case llm::Task::embedding: co_return co_await vectors(request, is_worker);
            case llm::Task::rerank:
                co_return co_await rank(traced(link_, request), target_of(link_, openai::path_of(request.task)),
                                        request);
            default: break;
        }
        if (!is_worker) co_return co_await whole_reply(request);
        if (llm::wants_infill(request)) {
            if (auto possible = check_infill(request); !possible) co_return std::unexpected(possible.error());
            co_return co_await fill_in(link_, request);
        }
        if (is_special_completion(request)) co_return co_await special_completion(request);
        const auto own = for_worker(request);
        if (!own) co_return std::unexpected(own.error());
        co_return co_await whole_reply(*own ? **own : request);
    }

    awaitable<Result<std::unique_ptr<llm::EventStream>>> stream(const llm::Request& request) override {
        if (link_.continues != Continues::raw_text) co_return co_await open_as_is(request);
        if (llm::wants_infill(request)) {
            if (auto possible = check_infill(request); !possible) co_return std::unexpected(possible.error());
            co_return co_await stream_infill(link_, request);
        }
        if (is_special_completion(request)) {
            if (auto possible = check_completion(request); !possible) co_return std::unexpected(possible.error());
            if (wants_no_tokens(request)) {
                auto reply = co_await no_tokens(link_, request);
                if (!reply) co_return std::unexpected(reply.error());
                co_return as_stream(std::move(*reply));
            }
            auto events = co_await open_as_is(request);
            if (!events) co_return events;
            co_return finish_completion(std::move(*events), request);
        }
        const auto own = for_worker(request);
        if (!own) co_return std::unexpected(own.error());
        co_return co_await open_as_is(*own ? **own : request);
    }

    awaitable<Result<llm::Resumed>> resume(const llm::Request& request, const llm::Partial& partial) override {
        llm::Resumed resumed{.events = nullptr, .had = static_cast<std::int64_t>(partial.ends.size())};
        Result<std::unique_ptr<llm::EventStream>> opened = std::unexpected(cannot_continue(link_));
        if (link_.continues == Continues::raw_text) {
            auto rest = co_await rest_of_answer(link_, request, partial);
            if (!rest) co_return std::unexpected(rest.error());
            resumed.had = rest->had;
            resumed.prompt = rest->prompt;
            resumed.exact = rest->exact;
            if (rest->body.empty()) co_return resumed;
            opened = co_await open(request, llm::Task::completion, std::move(rest->body),
                                   std::make_unique<SseFeed>(request.model, request.task == llm::Task::chat));
        } else if (link_.continues == Continues::prefill) {
            auto rest = llm::with_prefill(request, partial, resumed.had);
            if (request.task == llm::Task::chat) {  // vLLM and SGLang continue a message only where they are told to
                rest.body["continue_final_message"] = true;
                rest.body["add_generation_prompt"] = false;
            }
            opened = co_await stream(rest);
        }
        if (!opened) co_return std::unexpected(opened.error());
        resumed.events = std::move(*opened);
        co_return resumed;
    }

    std::unique_ptr<llm::Standby> stand_by(const llm::Request& request) override {
        return link_.continues == Continues::raw_text ? make_standby(link_, request) : nullptr;
    }
    std::unique_ptr<llm::PromptReader> read_prompts() override {
        return link_.continues == Continues::raw_text ? make_prompt_reader(link_) : nullptr;
    }

private:
    awaitable<Result<std::unique_ptr<llm::EventStream>>> open_as_is(const llm::Request& request) {
        return open(request, request.task, openai::encode_request(request, true, link_.model),
                    std::make_unique<SseFeed>(request.model));
    }

    awaitable<Result<boost::json::object>> special_completion(const llm::Request& request) {
        if (auto possible = check_completion(request); !possible) co_return std::unexpected(possible.error());
        if (wants_no_tokens(request)) co_return co_await no_tokens(link_, request);
        auto reply = co_await whole_reply(request);
        if (reply) finish_completion(*reply, request);
        co_return reply;
    }

    awaitable<Result<boost::json::object>> vectors(const llm::Request& request, bool is_worker) {
        if (!is_worker) {
            if (!request.body.contains("truncate")) co_return co_await whole_reply(request);
            auto own = request;  // Ollama's word, which OpenAI's servers do not know
            own.text = {};
            own.body.erase("truncate");
            co_return co_await whole_reply(own);
        }
        std::optional<llm::Request> shorter;
        if (llm::may_truncate(request)) {
            auto cut = co_await truncated(link_, request);
            if (!cut) co_return std::unexpected(cut.error());
            shorter = std::move(*cut);
        }
        const auto& wanted = shorter ? *shorter : request;
        if (const auto dimensions = protocols::integer_at(wanted.body, "dimensions"))
            co_return co_await shortened(wanted, *dimensions);
        co_return co_await whole_reply(wanted);
    }

    // The engine gives whole vectors.
    awaitable<Result<boost::json::object>> shortened(llm::Request request, std::int64_t dimensions) {
        const bool base64 = protocols::string_at(request.body, "encoding_format") == "base64";
        request.text = {};
        request.body.erase("dimensions");
        request.body.erase("encoding_format");
        auto reply = co_await whole_reply(request);
        if (!reply) co_return reply;
        if (auto done = protocols::shorten(*reply, dimensions, base64); !done) co_return std::unexpected(done.error());
        co_return reply;
    }

    awaitable<Result<boost::json::object>> whole_reply(const llm::Request& request) {
        const auto target = target_of(link_, openai::path_of(request.task));
        std::optional<boost::json::object> whole;
        auto parts = request.task == llm::Task::embedding
                         ? openai::encode_in_parts(request, link_.model, link_.max_inputs)
                         : std::vector{openai::encode_request(request, false, link_.model)};
        for (auto& part : parts) {
            const auto reply = co_await post(traced(link_, request), target, std::move(part));
            if (!reply) co_return std::unexpected(reply.error());
            auto decoded = openai::decode_reply(*reply, request.model);
            if (!decoded) co_return std::unexpected(named(link_, std::move(decoded.error())));
            if (whole)
                openai::append_part(*whole, std::move(*decoded));
            else
                whole = std::move(*decoded);
        }
        co_return std::move(*whole);
    }

    awaitable<Result<std::unique_ptr<llm::EventStream>>> open(const llm::Request& request, llm::Task task,
                                                              std::string body, std::unique_ptr<Feed> feed) {
        const auto target = target_of(link_, openai::path_of(task));
        auto opened = request.traceparent.empty() && request.may_move.expired()
                          ? co_await open_stream(link_, target, std::move(body))
                          : co_await open_stream(traced(link_, request), target, std::move(body));
        if (!opened) co_return std::unexpected(opened.error());
        co_return make_event_stream(link_, std::move(*opened), std::move(feed));
    }

    Link link_;
};

}  // namespace

std::shared_ptr<llm::Backend> make_openai_backend(Link link) {
    return std::make_shared<OpenAiBackend>(std::move(link));
}

std::shared_ptr<llm::Backend> make_openai_backend(std::shared_ptr<net::Client> client, const config::RemoteModel& model,
                                                  const config::Endpoint& endpoint) {
    return make_openai_backend(link_of(std::move(client), model, endpoint));
}

awaitable<Result<Probed>> probe_openai(std::shared_ptr<net::Client> client, config::Endpoint endpoint,
                                       config::TimeBudgets budgets) {
    const auto link = link_of(std::move(client), {.budgets = budgets}, endpoint);
    co_return co_await probe(link, target_of(link, "/models"));
}

}  // namespace sarai::remote
