// The HTTP face of sarai: a table from method and path to handler. It owns nothing but its metrics; pool,
// catalogue and configuration outlive it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <random>
#include <string>

#include "config/reload.hpp"
#include "gateway/answer.hpp"
#include "gateway/entrance.hpp"
#include "gateway/feedback_desk.hpp"
#include "gateway/knowledge_desk.hpp"
#include "gateway/log_ring.hpp"
#include "gateway/response_store.hpp"
#include "gateway/router_desk.hpp"
#include "gateway/shelf.hpp"
#include "gateway/tracer.hpp"
#include "protocols/ollama_server.hpp"

namespace sarai::gateway {

class Gateway {
public:
    // Loads the configuration's file again. An error has changed nothing.
    using Reload = std::function<Result<config::Reloaded>()>;
    // What `sarai plan --json` prints of the configuration, changed as `--what-if` says it. May measure files.
    using Plan = std::function<boost::asio::awaitable<Result<std::string>>(std::string what_if)>;
    static constexpr std::size_t log_lines = 2000;  // kept

    // What it serves and with what; all of it outlives the gateway.
    struct World {
        const config::Config& config;
        pool::Pool& pool;
        Catalogue& catalogue;
        Shelf& shelf;
        std::string version;
        Reload reload;
        Plan plan;
        std::shared_ptr<LogRing> logs;
        std::shared_ptr<Tracer> tracer;           // may be null
        router::Eyes eyes = {};                   // without them there is no model "auto"
        std::filesystem::path state_folder = {};  // where feedback is kept
        const media::Normalizer* media = nullptr;
        web::Searcher* web = nullptr;
        speech::Speaker* speaker = nullptr;
    };
    explicit Gateway(World world);

    // For ServerLimits::admit.
    [[nodiscard]] Result<void> knock(const net::Exchange& exchange) const { return entrance_.knock(exchange); }
    // For ServerLimits: whose body its endpoint reads itself.
    [[nodiscard]] static bool streams_body(std::string_view method, std::string_view path);
    [[nodiscard]] boost::asio::awaitable<void> handle(net::Exchange& exchange);
    // For requests that never became one.
    [[nodiscard]] static net::Reply refuse(const Error& error, std::string_view target);

private:
    using Handler = boost::asio::awaitable<void> (Gateway::*)(net::Exchange&, Caller&);
    struct Route;
    static const Route* find_route(std::string_view method, std::string_view path, std::string& allowed);

    boost::asio::awaitable<void> chat_completions(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> completions(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> embeddings(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> rerank(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> transcriptions(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> translations(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> speech(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> create_response(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> get_response(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> delete_response(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> messages(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> count_tokens(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> tokenize(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> detokenize(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> models(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> one_model(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> health(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> metrics(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> status(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> why(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> pipelines(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> list_collections(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> list_documents(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> change_collection(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> remove_from_collection(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> search_knowledge(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> unload(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> load(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> reload(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> route_prompt(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> hint(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> take_feedback(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> give_feedback(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> root(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> page_file(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> plan(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> logs(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_chat(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_generate(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_embed(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_embeddings(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_tags(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_ps(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_show(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> has_blob(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> take_blob(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> create_model(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> pull_model(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> copy_model(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> delete_model(net::Exchange& exchange, Caller& caller);
    boost::asio::awaitable<void> ollama_version(net::Exchange& exchange, Caller& caller);

    boost::asio::awaitable<void> openai(net::Exchange& exchange, Caller& caller, Result<llm::Request> request);
    boost::asio::awaitable<void> hear(net::Exchange& exchange, Caller& caller, bool translate);
    boost::asio::awaitable<void> ollama(net::Exchange& exchange, Caller& caller, protocols::ollama::Call call);
    // Long work with progress: Ollama's status lines, or one object at its end.
    using Work = std::function<boost::asio::awaitable<Result<void>>(Shelf::Report)>;
    boost::asio::awaitable<void> report_work(net::Exchange& exchange, Caller& caller, bool stream, const Work& work);
    // A request for "auto" becomes one for the model that it chooses; any other stays what it is.
    [[nodiscard]] Result<void> choose(net::Exchange& exchange, Caller& caller, llm::Request& request);
    [[nodiscard]] Result<void> not_configured(std::string_view name, std::string_view field) const;
    boost::asio::awaitable<void> dispatch(net::Exchange& exchange, Caller& caller, const Route* route,
                                          const std::string& allowed);
    void note_end(const net::Exchange& exchange, const Caller& caller, const Route* route);
    [[nodiscard]] std::string request_id(const net::Exchange& exchange);

    Metrics metrics_;
    RouterDesk desk_;
    KnowledgeDesk knowledge_;
    Shared shared_;
    Entrance entrance_;
    ResponseStore responses_;
    FeedbackDesk feedback_;
    std::string version_;
    Reload reload_;
    Plan plan_;
    std::shared_ptr<LogRing> logs_;
    std::shared_ptr<Tracer> tracer_;
    std::mt19937_64 random_{std::random_device{}()};
    std::chrono::steady_clock::time_point started_ = std::chrono::steady_clock::now();
    std::uint64_t last_id_ = 0;
};

}  // namespace sarai::gateway
