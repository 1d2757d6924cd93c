// Collections of documents over HTTP: what there is, searching it, and what an administrator adds and removes. Files of
// this machine are never read for a client: a document comes in the request.
#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/url/pct_string_view.hpp>
#include <optional>

#include "gateway/endpoints.hpp"
#include "gateway/gateway.hpp"
#include "gateway/knowledge_desk.hpp"
#include "gateway/why.hpp"
#include "protocols/base64.hpp"
#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;
namespace json = boost::json;

namespace {

constexpr std::string_view kb_prefix = "/sarai/kb/";

// What stands in the path kb_prefix, with %20 and the like as what they mean.
Result<std::string> named_in(std::string_view path) {
    const auto coded = path.substr(kb_prefix.size());
    const auto name = boost::urls::make_pct_string_view(coded);
    if (!name)
        return fail_field("collection", fmt::format("the path has \"{}\"; expected a collection's name, "
                                                    "percent-encoded",
                                                    protocols::excerpt(coded)));
    return name->decode();
}

json::object collection_json(const knowledge::Collection& one) {
    return {{"name", one.name},     {"model", one.model},   {"dimension", one.dimension},  {"documents", one.documents},
            {"failed", one.failed}, {"chunks", one.chunks}, {"text_bytes", one.text.count}};
}

json::object document_json(const knowledge::DocumentRecord& one) {
    json::object row{{"path", one.path},        {"title", one.title},   {"format", knowledge::name_of(one.format)},
                     {"bytes", one.size.count}, {"chunks", one.chunks}, {"added", one.added},
                     {"hash", one.hash}};
    if (!one.trouble.empty()) row["trouble"] = one.trouble;
    return row;
}

json::object result_json(const knowledge::SearchResult& one) {
    const auto& passage = one.passage;
    return {{"citation", one.citation},
            {"path", passage.path},
            {"title", passage.title},
            {"heading", passage.chunk.heading},
            {passage.paged ? "first_page" : "first_line", passage.chunk.first},
            {passage.paged ? "last_page" : "last_line", passage.chunk.last},
            {"text", passage.chunk.text},
            {"score", one.rank.score}};
}

Result<KnowledgeDesk::Question> question_of(std::string_view body) {
    using protocols::FieldKind;
    static constexpr std::array rules{protocols::FieldRule{"collection", FieldKind::string},
                                      protocols::FieldRule{"query", FieldKind::string},
                                      protocols::FieldRule{"limit", FieldKind::integer, 1, 1, 50},
                                      protocols::FieldRule{"words_only", FieldKind::boolean}};
    const auto object = protocols::parse_body(body);
    if (!object) return std::unexpected(object.error());
    if (auto fits = protocols::check_fields(*object, rules); !fits) return std::unexpected(fits.error());
    const auto* query = protocols::find(*object, "query");
    if (query == nullptr || !query->is_string() || query->get_string().empty())
        return protocols::wrong("query", query, "a question");
    const auto collection = protocols::string_at(*object, "collection");
    return KnowledgeDesk::Question{.collection = collection.empty() ? "default" : std::string(collection),
                                   .text = std::string(query->get_string()),
                                   .limit = static_cast<int>(protocols::integer_at(*object, "limit").value_or(5)),
                                   .words_only = protocols::true_at(*object, "words_only")};
}

Result<KnowledgeDesk::Document> document_of(std::string_view body) {
    using protocols::FieldKind;
    static constexpr std::array rules{protocols::FieldRule{"name", FieldKind::string},
                                      protocols::FieldRule{"text", FieldKind::string},
                                      protocols::FieldRule{"data", FieldKind::string}};
    const auto object = protocols::parse_body(body);
    if (!object) return std::unexpected(object.error());
    if (auto fits = protocols::check_fields(*object, rules); !fits) return std::unexpected(fits.error());
    const auto* name = protocols::find(*object, "name");
    if (name == nullptr || !name->is_string() || name->get_string().empty() || name->get_string().size() > 1024)
        return protocols::wrong("name", name, "a file's name of at most 1024 bytes, such as notes/door.md");
    const auto* text = protocols::find(*object, "text");
    const auto* data = protocols::find(*object, "data");
    if ((text == nullptr) == (data == nullptr))
        return fail_field(text == nullptr ? "text" : "data",
                          text == nullptr ? "'text' is missing; expected the document's text, or 'data' with a file in "
                                            "base64"
                                          : "'data' is given together with 'text'; expected one of them");
    KnowledgeDesk::Document document{.collection = {}, .name = std::string(name->get_string()), .bytes = {}};
    if (text != nullptr) {
        document.bytes = std::string(text->get_string());
    } else {
        auto bytes = protocols::decode_base64(data->get_string());
        if (!bytes) return fail_field("data", fmt::format("'data' {}", bytes.error().message));
        document.bytes = std::move(*bytes);
    }
    if (document.bytes.empty()) return fail_field(text != nullptr ? "text" : "data", "the document is empty");
    return document;
}

// What `work` comes to; nothing where the client has left meanwhile, which has ended it.
template <class T>
asio::awaitable<std::optional<Result<T>>> while_wanted(net::Exchange& exchange, Caller& caller,
                                                       asio::awaitable<Result<T>> work) {
    Result<T> answer = fail(Code::cancelled, "the client has left");
    const auto run = [&]() -> asio::awaitable<void> { answer = co_await std::move(work); };
    if (co_await exchange.while_connected(run())) {
        caller.status = 499;
        exchange.abort();
        co_return std::nullopt;
    }
    co_return std::move(answer);
}

}  // namespace

asio::awaitable<void> Gateway::list_collections(net::Exchange& exchange, Caller& caller) {
    const auto all = co_await while_wanted(exchange, caller, knowledge_.collections());
    if (!all) co_return;
    if (!*all) co_return co_await refuse_with(exchange, Protocol::openai, all->error());
    json::array rows;
    for (const auto& one : **all) rows.push_back(collection_json(one));
    (void)co_await exchange.respond(json_reply({{"collections", std::move(rows)}}));
}

asio::awaitable<void> Gateway::list_documents(net::Exchange& exchange, Caller& caller) {
    const auto name = named_in(exchange.path());
    if (!name) co_return co_await refuse_with(exchange, Protocol::openai, name.error());
    const auto about = co_await while_wanted(exchange, caller, knowledge_.collection(*name));
    if (!about) co_return;
    if (!*about) co_return co_await refuse_with(exchange, Protocol::openai, about->error());
    const auto all = co_await while_wanted(exchange, caller, knowledge_.documents(*name));
    if (!all) co_return;
    if (!*all) co_return co_await refuse_with(exchange, Protocol::openai, all->error());
    json::array rows;
    for (const auto& one : **all) rows.push_back(document_json(one));
    auto reply = collection_json(**about);
    reply["list"] = std::move(rows);
    (void)co_await exchange.respond(json_reply(reply));
}

asio::awaitable<void> Gateway::search_knowledge(net::Exchange& exchange, Caller& caller) {
    auto question = question_of(exchange.request().body());
    if (!question) co_return co_await refuse_with(exchange, Protocol::openai, question.error());
    const auto found =
        co_await while_wanted(exchange, caller, knowledge_.search(std::move(*question), exchange, caller, shared_));
    if (!found) co_return;
    if (!*found) co_return co_await refuse_with(exchange, Protocol::openai, found->error());
    json::array rows;
    for (const auto& one : **found) rows.push_back(result_json(one));
    json::object reply{{"results", std::move(rows)}};
    if (!(*found)->note.empty()) reply["note"] = (*found)->note;
    (void)co_await exchange.respond(json_reply(reply));
}

asio::awaitable<void> Gateway::change_collection(net::Exchange& exchange, Caller& caller) {
    constexpr std::string_view what = "/documents";
    if (!exchange.path().ends_with(what))
        co_return co_await refuse_with(
            exchange, Protocol::openai,
            {.code = Code::not_found,
             .message = fmt::format("there is no {}; expected /sarai/kb/COLLECTION/documents", exchange.path())});
    auto name = named_in(exchange.path().substr(0, exchange.path().size() - what.size()));
    if (!name) co_return co_await refuse_with(exchange, Protocol::openai, name.error());
    auto document = document_of(exchange.request().body());
    if (!document) co_return co_await refuse_with(exchange, Protocol::openai, document.error());
    document->collection = std::move(*name);
    const auto added =
        co_await while_wanted(exchange, caller, knowledge_.add(std::move(*document), exchange, caller, shared_));
    if (!added) co_return;
    if (!*added) co_return co_await refuse_with(exchange, Protocol::openai, added->error());
    auto reply = document_json((*added)->document);
    reply["unchanged"] = (*added)->unchanged;
    (void)co_await exchange.respond(json_reply(reply));
}

asio::awaitable<void> Gateway::remove_from_collection(net::Exchange& exchange, Caller& caller) {
    const auto name = named_in(exchange.path());
    if (!name) co_return co_await refuse_with(exchange, Protocol::openai, name.error());
    const auto path = query_parameter(exchange.query(), "document");
    const auto done = co_await while_wanted(
        exchange, caller,
        path ? knowledge_.remove_document(*name, *path) : knowledge_.remove_collection(*name, shared_));
    if (!done) co_return;
    if (!*done) co_return co_await refuse_with(exchange, Protocol::openai, done->error());
    json::object reply{{"collection", *name}, {"removed", true}};
    if (path) reply["document"] = *path;
    (void)co_await exchange.respond(json_reply(reply));
}

}  // namespace sarai::gateway
