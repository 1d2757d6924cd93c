#include "gateway/pipeline_sources.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

#include "gateway/knowledge_desk.hpp"
#include "protocols/json.hpp"
#include "web/searcher.hpp"

namespace sarai::gateway {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

// A title or heading in a line of its own: it comes from a page that nobody vouches for.
std::string one_line(std::string_view text, std::size_t most) {
    std::string line = protocols::excerpt(text, most);
    for (auto& c : line)
        if (c == '\n' || c == '\r') c = ' ';
    return line;
}

// In Markdown, which most clients show, a title is no link, no picture and no tag.
std::string as_written(std::string_view text) {
    std::string escaped;
    for (const char c : text) {
        if (std::string_view("\\[]<`").contains(c)) escaped += '\\';
        escaped += c;
    }
    return escaped;
}

}  // namespace

void PipelineSources::note(std::string_view spanish, std::string_view english) {
    notes_.emplace_back(language_ == "es" ? spanish : english);
}

std::size_t PipelineSources::cite(json::object citation) {
    const auto number = citations_.size() + 1;
    citation["number"] = number;
    citations_.push_back(std::move(citation));
    return number;
}

std::string PipelineSources::list() const {
    std::string text;
    for (const auto& value : citations_) {
        const auto& one = value.get_object();
        const auto title = protocols::string_at(one, "title");
        text += fmt::format("{}- [{}] {}{}", text.empty() ? "" : "\n", one.at("number").to_number<std::size_t>(),
                            as_written(protocols::string_at(one, "citation")),
                            title.empty() ? "" : fmt::format(" ({})", as_written(one_line(title, 120))));
    }
    return text;
}

std::string PipelineSources::notes() const { return fmt::format("{}", fmt::join(notes_, " ")); }

asio::awaitable<Result<PipelineSources::Found>> PipelineSources::search(const config::PipelineStep& step,
                                                                        pipelines::Search what) {
    if (step.web) co_return co_await search_web(step, std::move(what));
    co_return co_await search_documents(step, std::move(what));
}

asio::awaitable<Result<PipelineSources::Found>> PipelineSources::search_documents(const config::PipelineStep& step,
                                                                                  pipelines::Search what) {
    const auto results = co_await shared_.knowledge.search(
        {.collection = what.collection, .text = what.query, .limit = step.limit}, client_, caller_, shared_);
    if (!results) co_return std::unexpected(results.error());
    if (results->model_missing)
        note("Buscado solo por palabras: el modelo de embeddings de la colección no está configurado.",
             "Searched by words alone: the collection's embedding model is not configured.");
    else if (results->no_memory)
        note("Buscado solo por palabras: no hay memoria para los vectores de la colección.",
             "Searched by words alone: there is no memory for the collection's vectors.");
    else if (!results->note.empty())
        note("Buscado solo por palabras: el modelo de embeddings no respondió.",
             "Searched by words alone: the embedding model did not answer.");
    Found found{.text = {}, .about = {{"knowledge", what.collection}}};
    const auto most = static_cast<std::size_t>(step.max_text.count);
    std::size_t taken = 0;
    for (const auto& one : *results) {
        const auto& passage = one.passage;
        if (taken > 0 && found.text.size() + passage.chunk.text.size() > most) continue;
        ++taken;
        const auto number = cite({{"kind", "document"},
                                  {"citation", one.citation},
                                  {"title", passage.title},
                                  {"path", passage.path},
                                  {passage.paged ? "first_page" : "first_line", passage.chunk.first},
                                  {passage.paged ? "last_page" : "last_line", passage.chunk.last},
                                  {"collection", what.collection}});
        const auto& heading = passage.chunk.heading;
        found.text +=
            fmt::format("[{}] {}{}\n{}\n\n", number, one.citation,
                        heading.empty() ? "" : fmt::format(" ({})", one_line(heading, 160)), passage.chunk.text);
    }
    while (found.text.ends_with('\n')) found.text.pop_back();
    found.about["passages"] = taken;
    if (taken == 0)
        note(fmt::format("Contestado sin documentos: no hay nada sobre esto en «{}».", what.collection),
             fmt::format("Answered without documents: nothing was found in \"{}\".", what.collection));
    co_return found;
}

asio::awaitable<Result<PipelineSources::Found>> PipelineSources::search_web(const config::PipelineStep& step,
                                                                            pipelines::Search what) {
    Found found{.text = {}, .about = {{"web", true}}};
    if (shared_.web == nullptr || !shared_.web->has_provider()) {
        note("Contestado sin consultar la web: no hay ningún buscador configurado.",
             "Answered without the web: no search engine is configured.");
        found.about["passages"] = 0;
        co_return found;
    }
    auto results = co_await shared_.web->search({.text = std::move(what.query),
                                                 .language = language_,
                                                 .limit = step.limit,
                                                 .max_text = step.max_text,
                                                 .request_id = caller_.id});
    if (!results) {
        const auto code = results.error().code;
        if (code == Code::cancelled || code == Code::io || code == Code::invalid_argument)
            co_return std::unexpected(std::move(results.error()));
        // What a server here is called and why it failed is no client's business.
        spdlog::warn("{}: the web was not searched: {}", caller_.id, describe(results.error()));
        note("Contestado sin consultar la web: el buscador no respondió.",
             "Answered without the web: the search engine did not answer.");
        found.about["passages"] = 0;
        co_return found;
    }
    std::size_t read = 0;
    for (const auto& source : results->sources) {
        const auto number = cite({{"kind", "web"},
                                  {"citation", source.url},
                                  {"title", source.title},
                                  {"url", source.url},
                                  {"published", source.published},
                                  {"read", source.read}});
        found.text += fmt::format("[{}] {}{}{}\n{}\n\n", number, source.url,
                                  source.title.empty() ? "" : fmt::format(" ({})", one_line(source.title, 160)),
                                  source.published.empty() ? "" : fmt::format(", {}", source.published), source.text);
        read += source.read ? 1 : 0;
    }
    while (found.text.ends_with('\n')) found.text.pop_back();
    found.about["passages"] = results->sources.size();
    found.about["pages_read"] = read;
    found.about["cached"] = results->cached;
    if (results->sources.empty())
        note("Contestado sin la web: la búsqueda no encontró nada.",
             "Answered without the web: the search found nothing.");
    co_return found;
}

}  // namespace sarai::gateway
