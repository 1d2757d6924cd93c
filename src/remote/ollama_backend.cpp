#include "remote/ollama_backend.hpp"

#include <algorithm>
#include <chrono>

#include "net/framing.hpp"
#include "protocols/ollama.hpp"
#include "remote/completion.hpp"
#include "remote/event_stream.hpp"
#include "remote/link.hpp"

namespace sarai::remote {
namespace {

namespace ollama = protocols::ollama;
using net::asio::awaitable;

std::int64_t unix_now() {
    return std::chrono::duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

class NdjsonFeed final : public Feed {
public:
    explicit NdjsonFeed(ollama::ReplyContext context) : decoder_(std::move(context)) {}

    Result<void> feed(std::string_view bytes, std::vector<llm::StreamEvent>& events) override {
        if (auto fed = lines_.feed(bytes); !fed) return fed;
        while (const auto line = lines_.next())
            if (auto decoded = decoder_.line(*line, events); !decoded) return decoded;
        return {};
    }
    bool ended() const override { return decoder_.ended(); }
    Result<void> close(std::vector<llm::StreamEvent>& events) override {
        // A last line may lack its line end.
        if (auto decoded = decoder_.line(lines_.rest(), events); !decoded) return decoded;
        return decoder_.close();
    }

private:
    net::LineSplitter lines_;
    ollama::StreamDecoder decoder_;
};

class OllamaBackend final : public llm::Backend {
public:
    OllamaBackend(Link link, ollama::Defaults defaults) : link_(std::move(link)), defaults_(std::move(defaults)) {}

    awaitable<Result<boost::json::object>> complete(const llm::Request& request) override {
        const auto context = ollama::context_of(request, unix_now());
        auto body = encode(request, false);
        if (!body) co_return std::unexpected(body.error());
        const auto reply =
            co_await post(traced(link_, request), std::string(ollama::path_of(request.task)), std::move(*body));
        if (!reply) co_return std::unexpected(reply.error());
        auto decoded = ollama::decode_reply(*reply, context);
        if (!decoded) co_return std::unexpected(named(link_, std::move(decoded.error())));
        put_in_front(*decoded, echo_of(request));  // which Ollama does not know
        co_return decoded;
    }

    awaitable<Result<std::unique_ptr<llm::EventStream>>> stream(const llm::Request& request) override {
        auto context = ollama::context_of(request, unix_now());
        auto body = encode(request, true);
        if (!body) co_return std::unexpected(body.error());
        auto opened =
            co_await open_stream(traced(link_, request), std::string(ollama::path_of(request.task)), std::move(*body));
        if (!opened) co_return std::unexpected(opened.error());
        co_return put_in_front(
            make_event_stream(link_, std::move(*opened), std::make_unique<NdjsonFeed>(std::move(context))),
            echo_of(request));
    }

    awaitable<Result<llm::Resumed>> resume(const llm::Request& request, const llm::Partial& partial) override {
        if (link_.continues == Continues::no) co_return std::unexpected(cannot_continue(link_));
        const auto had = static_cast<std::int64_t>(partial.ends.size());
        const auto rest = llm::with_prefill(request, partial, had);
        auto events = co_await stream(rest);
        if (!events) co_return std::unexpected(events.error());
        co_return llm::Resumed{.events = std::move(*events), .had = had};
    }

private:
    [[nodiscard]] Result<std::string> encode(const llm::Request& request, bool stream) {
        auto defaults = defaults_;
        // Clients that want different contexts would make Ollama load the model anew each time: all get the largest one
        // that anybody has asked for.
        if (!defaults.num_ctx) {
            constexpr int its_own = 4096;  // where nobody says anything
            if (const auto wanted = ollama::context_wanted(request.body))
                most_wanted_ = std::max({most_wanted_, *wanted, its_own});
            if (most_wanted_ > 0) defaults.num_ctx = most_wanted_;
        }
        auto body = ollama::encode_request(request, stream, defaults);
        if (!body) return std::unexpected(named(link_, std::move(body.error())));
        return body;
    }

    Link link_;
    ollama::Defaults defaults_;
    int most_wanted_ = 0;  // tokens; 0: nobody has said
};

}  // namespace

std::shared_ptr<llm::Backend> make_ollama_backend(std::shared_ptr<net::Client> client, const config::RemoteModel& model,
                                                  const config::Endpoint& endpoint) {
    return std::make_shared<OllamaBackend>(
        link_of(std::move(client), model, endpoint),
        ollama::Defaults{.model = model.model, .num_ctx = model.context_length, .keep_alive = model.keep_alive});
}

awaitable<Result<Probed>> probe_ollama(std::shared_ptr<net::Client> client, config::Endpoint endpoint,
                                       config::TimeBudgets budgets) {
    const auto link = link_of(std::move(client), {.budgets = budgets}, endpoint);
    // Rather than /api/version, which is answered as fast: it tells what is loaded as well.
    auto found = co_await probe(link, "/api/ps");
    if (found) found->loaded = ollama::loaded_models(found->body);
    co_return found;
}

}  // namespace sarai::remote
