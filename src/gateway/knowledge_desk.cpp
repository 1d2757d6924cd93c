#include "gateway/knowledge_desk.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "gateway/embed.hpp"
#include "gateway/models.hpp"
#include "net/ask_again.hpp"
#include "net/while_wanted.hpp"

namespace sarai::gateway {

namespace asio = boost::asio;
using knowledge::Store;

namespace {

Error about(Error error) {
    if (error.code == Code::not_found && error.field.empty()) {
        error.field = "collection";
        if (error.hint.empty()) error.hint = "sarai kb list shows those that there are; sarai kb add PATH makes one.";
    }
    return error;
}

// Small ones are of what is always reserved for sarai; the rest is counted in steps.
Bytes to_keep(Bytes graphs) {
    constexpr Bytes of_the_own = MiB(1), step = MiB(8);
    const auto beyond = std::max(Bytes{}, graphs - of_the_own);
    return Bytes{(beyond.count + step.count - 1) / step.count * step.count};
}
Bytes sum_of(const std::map<std::string, Bytes>& graphs) {
    Bytes sum;
    for (const auto& [name, bytes] : graphs) sum += bytes;
    return sum;
}
// Of a search for memory that others are about to leave.
constexpr std::chrono::seconds patience{10};
// What pdftotext may take; of ordinary files it takes some 20 MiB.
constexpr Bytes memory_of_pdf = MiB(128);

}  // namespace

KnowledgeDesk::~KnowledgeDesk() {
    ending_.request_stop();
    thread_.join();
    reader_.join();
}

template <class Work>
auto KnowledgeDesk::with_store(Work work) {
    using Answer = std::invoke_result_t<Work&, Store&>;
    auto asked = [store = store_, where = place(), ending = ending_.get_token(),
                  work = std::move(work)](std::stop_source stop) mutable -> Answer {
        const std::stop_callback end(ending, [&stop] { stop.request_stop(); });
        if (stop.stop_requested()) return fail(Code::cancelled, "the store was not asked any more");
        if (!*store) {
            auto opened = knowledge::open_store(where, {.stop = stop.get_token()});
            if (!opened) return std::unexpected(opened.error());
            *store = std::move(*opened);
        }
        (*store)->heed(stop.get_token());
        auto answer = work(**store);
        if (!answer) answer = std::unexpected(about(answer.error()));
        return answer;
    };
    return net::on_thread_while_wanted(thread_, std::move(asked));
}

std::string KnowledgeDesk::place() const {
    return knowledge::store_place(config_.knowledge.store, config_.engine.state_dir);
}

Bytes KnowledgeDesk::would_keep(const std::vector<knowledge::Collection>& collections) const {
    auto graphs = graphs_;
    for (const auto& one : collections)
        graphs[one.name] = std::max(graphs[one.name], knowledge::memory_of(place(), one));
    return to_keep(sum_of(graphs)) - to_keep(sum_of(graphs_));
}

asio::awaitable<Result<void>> KnowledgeDesk::keep_graph(const knowledge::Collection& collection, Shared shared) {
    const auto bytes = knowledge::memory_of(place(), collection);
    const auto keep = [&]() -> Result<void> {
        auto graphs = graphs_;
        graphs[collection.name] = bytes;
        const auto total = to_keep(sum_of(graphs));
        if (total == shared.pool.core().kept()) return {};
        return shared.pool.keep(total, fmt::format("the vectors of collection '{}'", collection.name));
    };
    auto kept = co_await net::ask_until_granted(keep, patience);
    if (kept) graphs_[collection.name] = bytes;
    co_return kept;
}

std::string KnowledgeDesk::default_model() const {
    if (!config_.knowledge.embedding_model.empty()) return config_.knowledge.embedding_model;
    const auto first = std::ranges::find_if(
        config_.models, [](const auto& model) { return !model.retired && model.kind == config::ModelKind::embedding; });
    return first == config_.models.end() ? std::string() : first->name;
}

bool KnowledgeDesk::has_store() const {
    if (!config_.knowledge.store.empty()) return true;
    std::error_code ignored;
    const std::filesystem::path usual = knowledge::store_place({}, config_.engine.state_dir);
    return std::filesystem::exists(usual / "knowledge.db", ignored);
}

asio::awaitable<Result<std::vector<knowledge::Collection>>> KnowledgeDesk::collections() {
    co_return co_await with_store([](Store& store) { return store.collections(); });
}

asio::awaitable<Result<knowledge::Collection>> KnowledgeDesk::collection(std::string name) {
    co_return co_await with_store([name = std::move(name)](Store& store) { return store.collection(name); });
}

asio::awaitable<Result<std::vector<knowledge::DocumentRecord>>> KnowledgeDesk::documents(std::string name) {
    co_return co_await with_store([name = std::move(name)](Store& store) { return store.documents(name); });
}

asio::awaitable<Result<void>> KnowledgeDesk::remove_collection(std::string name, Shared shared) {
    auto removed = co_await with_store([name](Store& store) { return store.remove_collection(name); });
    if (removed || removed.error().code == Code::not_found) forget_graph(name, shared);
    co_return removed;
}

void KnowledgeDesk::forget_graph(const std::string& name, Shared shared) {
    if (graphs_.erase(name) > 0) (void)shared.pool.keep(to_keep(sum_of(graphs_)), {});  // less is always granted
}

asio::awaitable<Result<knowledge::Collection>> KnowledgeDesk::known_collection(std::string name, Shared shared) {
    auto there = co_await collection(name);
    // Removed by somebody else, perhaps, such as a command on the same store.
    if (!there && there.error().code == Code::not_found) forget_graph(name, shared);
    co_return there;
}

asio::awaitable<Result<void>> KnowledgeDesk::remove_document(std::string name, std::string path) {
    co_return co_await with_store([name = std::move(name), path = std::move(path)](Store& store) -> Result<void> {
        const auto removed = store.remove(name, path);
        if (!removed) return std::unexpected(removed.error());
        if (*removed) return {};
        return std::unexpected(Error{.code = Code::not_found,
                                     .message = fmt::format("'{}' is not in collection '{}'", path, name),
                                     .field = "document"});
    });
}

asio::awaitable<Result<KnowledgeDesk::Found>> KnowledgeDesk::search(Question question, net::Exchange& client,
                                                                    Caller& caller, Shared shared) {
    const auto there = co_await known_collection(question.collection, shared);
    if (!there) co_return std::unexpected(there.error());
    Found found;
    knowledge::Vector vector;
    if (const bool wanted = !question.words_only && there->chunks > 0;
        wanted && !find_model(shared.config, there->model)) {
        spdlog::warn(
            "{}: collection '{}' is searched by words alone: its embedding model is not configured; expected "
            "models.{} with kind: embedding",
            caller.id, question.collection, there->model);
        found.model_missing = true;
        found.note = fmt::format("Searched by words alone: the embedding model '{}' is not configured.", there->model);
    } else if (wanted) {
        auto text = knowledge::beginning(question.text);
        auto embedded = co_await embed(client, caller, there->model, {std::string(text)}, shared);
        while (!embedded && knowledge::is_refusal(embedded.error())) {
            text = knowledge::first_half(text);
            if (text.empty()) break;
            embedded = co_await embed(client, caller, there->model, {std::string(text)}, shared);
        }
        if (embedded) {
            vector = std::move(embedded->front());
        } else if (embedded.error().code == Code::cancelled) {
            co_return std::unexpected(embedded.error());
        } else {
            // Why it failed is no client's business.
            spdlog::warn("{}: collection '{}' is searched by words alone: {}", caller.id, question.collection,
                         describe(embedded.error()));
            found.note = fmt::format(
                "Searched by words alone: the embedding model '{}' made no vector of the question.", there->model);
        }
    }
    if (!vector.empty())
        if (const auto kept = co_await keep_graph(*there, shared); !kept) {
            spdlog::warn("{}: collection '{}' is searched by words alone: {}", caller.id, question.collection,
                         describe(kept.error()));
            found.note = "Searched by words alone: there is no memory for the collection's vectors.";
            found.no_memory = true;
            vector.clear();
        }
    auto results = co_await with_store([question, vector = std::move(vector)](Store& store) {
        return knowledge::search(store, question.collection, question.text, vector, {.most = question.limit});
    });
    if (!results && results.error().code == Code::not_found) forget_graph(question.collection, shared);
    if (!results) co_return std::unexpected(results.error());
    found.results = std::move(*results);
    co_return found;
}

asio::awaitable<Result<KnowledgeDesk::Added>> KnowledgeDesk::add(Document document, net::Exchange& client,
                                                                 Caller& caller, Shared shared) {
    struct Known {
        std::string model, hash;
    };
    auto known = co_await with_store([document](Store& store) -> Result<Known> {
        const auto there = store.collection(document.collection);
        if (!there) {
            if (there.error().code == Code::not_found) return Known{};
            return std::unexpected(there.error());
        }
        const auto before = store.document(document.collection, document.name);
        if (!before) return std::unexpected(before.error());
        return Known{.model = there->model, .hash = *before ? (*before)->hash : ""};
    });
    if (!known) co_return std::unexpected(known.error());
    if (known->model.empty()) known->model = default_model();
    if (known->model.empty())
        co_return std::unexpected(Error{.code = Code::not_found,
                                        .message = "there is no embedding model",
                                        .hint = "Configure one with kind: embedding.",
                                        .field = "collection"});
    if (auto fits = knowledge::check_collection(document.collection, known->model, 1); !fits)
        co_return std::unexpected(fits.error());
    const auto format = knowledge::format_of(document.name);
    if (!format)
        co_return fail_field("name", fmt::format("'name' is \"{}\", whose ending is of something that is no text; "
                                                 "expected text, Markdown, HTML, source code or PDF",
                                                 document.name));
    std::shared_ptr<void> counted;
    if (*format == knowledge::Format::pdf) {
        auto granted = co_await net::ask_until_granted(
            [&] { return shared.pool.set_aside(memory_of_pdf, fmt::format("reading '{}'", document.name)); }, patience);
        if (!granted) co_return std::unexpected(std::move(granted.error()));
        counted = std::move(*granted);
    }
    auto read = co_await net::on_thread_while_wanted(
        reader_,
        [document, format, hash = known->hash,
         ending = ending_.get_token()](std::stop_source stop) -> Result<std::optional<knowledge::Prepared>> {
            const std::stop_callback end(ending, [&stop] { stop.request_stop(); });
            const knowledge::FoundFile file{.path = document.name, .format = *format};
            return knowledge::prepare(file, document.bytes, hash,
                                      {.limits = {.pdf = {.data = memory_of_pdf, .stop = stop.get_token()}}});
        });
    counted.reset();
    if (!read) co_return std::unexpected(read.error());
    auto& prepared = *read;
    if (!prepared) {
        auto record = co_await with_store(
            [document](Store& store) { return store.document(document.collection, document.name); });
        if (!record) co_return std::unexpected(record.error());
        co_return Added{.document = record->value_or(knowledge::DocumentRecord{}), .unchanged = true};
    }
    if (!prepared->document.trouble.empty())
        co_return std::unexpected(
            Error{.code = Code::invalid_argument,
                  .message = fmt::format("'{}' cannot be read: {}", document.name, prepared->document.trouble),
                  .field = "text"});
    if (prepared->chunks.empty()) co_return fail_field("text", fmt::format("'{}' has no text", document.name));
    if (graphs_.contains(document.collection)) {  // its vectors are in memory, and these come to them
        auto there = co_await known_collection(document.collection, shared);
        if (!there) co_return std::unexpected(there.error());
        there->chunks += static_cast<std::int64_t>(prepared->chunks.size());
        if (auto kept = co_await keep_graph(*there, shared); !kept) co_return std::unexpected(kept.error());
    }
    knowledge::Embedding embedding(std::move(prepared->chunks), std::move(prepared->marks));
    while (!embedding.batch().empty()) {
        auto made = co_await embed(client, caller, known->model, embedding.batch(), shared);
        if (auto taken = embedding.take(std::move(made)); !taken)
            co_return knowledge::about(document.name, taken.error());
    }
    prepared->chunks = std::move(embedding.chunks());
    prepared->document.chunks = static_cast<std::int64_t>(prepared->chunks.size());
    auto record = prepared->document;
    auto done = co_await with_store([document, model = known->model, prepared = std::move(*prepared),
                                     vectors = std::move(embedding.vectors())](Store& store) mutable -> Result<void> {
        const auto dimension = static_cast<int>(vectors.front().size());
        if (auto made = store.make_collection(document.collection, model, dimension); !made) return made;
        return knowledge::commit(store, document.collection, prepared, std::move(vectors));
    });
    if (!done) co_return std::unexpected(done.error());
    co_return Added{.document = std::move(record)};
}

}  // namespace sarai::gateway
