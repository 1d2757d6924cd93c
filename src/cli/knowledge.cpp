#include "cli/knowledge.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <ostream>

#include "cli/configuration.hpp"
#include "cli/interruption.hpp"
#include "cli/run_session.hpp"
#include "cli/table.hpp"
#include "config/problem.hpp"
#include "knowledge/ingest.hpp"
#include "knowledge/search.hpp"
#include "knowledge/store.hpp"
#include "protocols/json.hpp"
#include "protocols/vectors.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;
using knowledge::Vector;

// --store, SARAI_KNOWLEDGE_STORE, the configuration's, else where a server without one has it.
Result<std::unique_ptr<knowledge::Store>> open_store(const KnowledgeOptions& options, const Io& io) {
    if (!options.store.empty()) return knowledge::open_store(options.store);
    if (const auto* said = io.environment.find_filled("SARAI_KNOWLEDGE_STORE")) return knowledge::open_store(*said);
    const auto file = find_config(options.server.config, io.environment);
    if (!file) return knowledge::open_store(knowledge::store_place({}, {}));
    const auto config = load_config(*file, io.environment);
    if (!config) return std::unexpected(config.error());
    return knowledge::open_store(knowledge::store_place(config->knowledge.store, config->engine.state_dir));
}

// The server's embedding model.
class RemoteEmbedder final : public knowledge::Embedder {
public:
    RemoteEmbedder(net::Origin origin, std::string model, std::stop_token stop = {})
        : origin_(std::move(origin)), model_(std::move(model)), stop_(std::move(stop)) {}
    [[nodiscard]] const std::string& model() const override { return model_; }

    [[nodiscard]] Result<std::vector<Vector>> embed(std::span<const std::string> texts,
                                                    knowledge::Purpose /*purpose*/) override {
        json::array input;
        for (const auto& text : texts) input.emplace_back(text);
        const auto reply = post_json(origin_, "/v1/embeddings", {{"model", model_}, {"input", std::move(input)}},
                                     {.at_most = std::chrono::minutes(15), .stop = stop_});
        if (!reply) return std::unexpected(reply.error());
        return protocols::read_vectors(*reply, texts.size());
    }

private:
    net::Origin origin_;
    std::string model_;
    std::stop_token stop_;
};

// The collection's own model, which its vectors are of; of a new one the model that was named, else the first one that
// the server has.
Result<std::string> model_for(const KnowledgeOptions& options, knowledge::Store& store, const net::Origin& origin) {
    if (!options.model.empty()) return options.model;
    if (const auto there = store.collection(options.collection)) return there->model;
    const auto listed = get_json(origin, "/v1/models");
    if (!listed) return std::unexpected(listed.error());
    if (const auto* data = protocols::array_at(*listed, "data"))
        for (const auto& entry : *data) {
            const auto* about = entry.is_object() ? protocols::object_at(entry.get_object(), "sarai") : nullptr;
            if (about != nullptr && protocols::string_at(*about, "kind") == "embedding")
                return std::string(protocols::string_at(entry.get_object(), "id"));
        }
    return std::unexpected(Error{.code = Code::not_found,
                                 .message = "the server has no embedding model",
                                 .hint = "Configure one with kind: embedding, or name one with --model."});
}

json::object result_json(const knowledge::SearchResult& result) {
    json::object row{{"citation", result.citation},       {"path", result.passage.path},
                     {"title", result.passage.title},     {"first", result.passage.chunk.first},
                     {"last", result.passage.chunk.last}, {"text", result.passage.chunk.text},
                     {"score", result.rank.score}};
    return row;
}

}  // namespace

int add_knowledge(const KnowledgeOptions& options, Io& io) {
    const auto origin = find_server(options.server, io);
    if (!origin) return fail_with(io, origin.error());
    auto store = open_store(options, io);
    if (!store) return fail_with(io, store.error());
    const auto model = model_for(options, **store, *origin);
    if (!model) return fail_with(io, model.error());
    // What was committed stays: each document is a transaction.
    Interruption interruption;
    (*store)->heed(interruption.token());
    interruption.waits_for(fmt::format("{}, which makes the vectors,", url_of(*origin)));
    RemoteEmbedder embedder(*origin, *model, interruption.token());
    std::vector<std::pair<std::string, std::string>> troubles;
    const auto show = [&](const knowledge::Progress& progress) {
        if (progress.changed && !progress.trouble.empty()) troubles.emplace_back(progress.path, progress.trouble);
        if (!io.err_terminal) return;
        io.err << fmt::format("\r\033[K{}/{}  {}", progress.done, progress.of, config::printable(progress.path, 60))
               << std::flush;
    };
    const std::vector<std::filesystem::path> paths(options.paths.begin(), options.paths.end());
    const auto report =
        knowledge::sync(**store, embedder, options.collection, paths,
                        {.remove_gone = options.remove_gone, .on_progress = show, .stop = interruption.token()});
    if (io.err_terminal) io.err << "\r\033[K" << std::flush;
    (void)(*store)->save();
    if (!report) return fail_with(io, report.error());
    if (options.json) {
        json::array failures, skipped;
        for (const auto& [path, trouble] : troubles) failures.push_back({{"path", path}, {"reason", trouble}});
        for (const auto& one : report->skipped)
            skipped.push_back({{"path", one.path.string()}, {"reason", one.reason}});
        io.out << json::serialize(json::object{{"added", report->added},
                                               {"replaced", report->replaced},
                                               {"unchanged", report->unchanged},
                                               {"removed", report->removed},
                                               {"failed", report->failed},
                                               {"chunks", report->chunks},
                                               {"failures", std::move(failures)},
                                               {"skipped", std::move(skipped)}})
               << "\n";
        return 0;
    }
    io.out << fmt::format("{}: {} added, {} replaced, {} unchanged, {} removed, {} could not be read; {} chunks\n",
                          options.collection, report->added, report->replaced, report->unchanged, report->removed,
                          report->failed, report->chunks);
    for (const auto& [path, trouble] : troubles)
        io.out << fmt::format("  not read {}: {}\n", config::printable(path, 200), config::printable(trouble, 400));
    for (const auto& one : report->skipped)
        if (one.unreadable || one.reason != "hidden")
            io.out << fmt::format("  skipped {}: {}\n", config::printable(one.path.string(), 200), one.reason);
    return 0;
}

int search_knowledge(const KnowledgeOptions& options, Io& io) {
    std::string question;
    for (const auto& word : options.question) question += (question.empty() ? "" : " ") + word;
    auto store = open_store(options, io);
    if (!store) return fail_with(io, store.error());
    std::vector<Vector> vectors(1);
    if (!options.words_only) {
        const auto origin = find_server(options.server, io);
        if (!origin) return fail_with(io, origin.error());
        const auto model = model_for(options, **store, *origin);
        if (!model) return fail_with(io, model.error());
        RemoteEmbedder embedder(*origin, *model);
        // Of a long question the beginning.
        std::string text(knowledge::beginning(question));
        auto embedded = embedder.embed(std::span(&text, 1), knowledge::Purpose::question);
        while (!embedded && knowledge::is_refusal(embedded.error())) {
            text.resize(knowledge::first_half(text).size());
            if (text.empty()) break;
            embedded = embedder.embed(std::span(&text, 1), knowledge::Purpose::question);
        }
        if (!embedded) return fail_with(io, embedded.error());
        vectors = std::move(*embedded);
        if (!knowledge::normalise(vectors.front()))
            return fail_with(io, {.code = Code::upstream, .message = "the question's vector has no direction"});
    }
    const auto found =
        knowledge::search(**store, options.collection, question, vectors.front(), {.most = options.most});
    if (!found) return fail_with(io, found.error());
    if (options.json) {
        json::array rows;
        for (const auto& one : *found) rows.push_back(result_json(one));
        io.out << json::serialize(json::object{{"results", std::move(rows)}}) << "\n";
        return 0;
    }
    const Style style{wants_colour(io, io.out_terminal)};
    for (std::size_t i = 0; i < found->size(); ++i) {
        const auto& one = (*found)[i];
        io.out << style.bold(fmt::format("[{}] {}", i + 1, config::printable(one.citation, 400)))
               << style.dim(fmt::format("  {:.4f}", one.rank.score)) << "\n"
               << (io.out_terminal ? TerminalFilter().pass(one.passage.chunk.text) : one.passage.chunk.text) << "\n\n";
    }
    if (found->empty()) io.out << "nothing found\n";
    return 0;
}

int list_knowledge(const KnowledgeOptions& options, Io& io) {
    auto store = open_store(options, io);
    if (!store) return fail_with(io, store.error());
    const auto all = (*store)->collections();
    if (!all) return fail_with(io, all.error());
    json::array rows;
    std::vector<std::vector<std::string>> cells;
    for (const auto& one : *all) {
        rows.push_back({{"name", one.name},
                        {"model", one.model},
                        {"dimension", one.dimension},
                        {"documents", one.documents},
                        {"failed", one.failed},
                        {"chunks", one.chunks},
                        {"text_bytes", one.text.count}});
        cells.push_back({one.name, one.model, std::to_string(one.documents), std::to_string(one.chunks),
                         to_string(one.text), one.failed > 0 ? fmt::format("{} could not be read", one.failed) : ""});
    }
    if (options.json)
        io.out << json::serialize(json::object{{"collections", std::move(rows)}}) << "\n";
    else if (cells.empty())
        io.out << "no collections; \"sarai kb add PATH\" makes one\n";
    else
        io.out << render_table({{"COLLECTION"},
                                {"MODEL"},
                                {"DOCUMENTS", Align::right},
                                {"CHUNKS", Align::right},
                                {"TEXT", Align::right},
                                {""}},
                               cells);
    return 0;
}

int remove_knowledge(const KnowledgeOptions& options, Io& io) {
    auto store = open_store(options, io);
    if (!store) return fail_with(io, store.error());
    if (options.document.empty()) {
        if (const auto done = (*store)->remove_collection(options.collection); !done)
            return fail_with(io, done.error());
        io.out << fmt::format("removed {}\n", options.collection);
        return 0;
    }
    const auto path = std::filesystem::absolute(options.document).lexically_normal().string();
    const auto removed = (*store)->remove(options.collection, path);
    if (!removed) return fail_with(io, removed.error());
    if (!*removed)
        return fail_with(io, {.code = Code::not_found,
                              .message = fmt::format("{} is not in collection '{}'", path, options.collection)});
    io.out << fmt::format("removed {}\n", config::printable(path, 400));
    return 0;
}

}  // namespace sarai::cli
