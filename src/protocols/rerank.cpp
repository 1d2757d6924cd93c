#include "protocols/rerank.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <cmath>
#include <utility>

#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::protocols::rerank {
namespace {

constexpr std::array rules{FieldRule{.name = "top_n", .kind = FieldKind::integer, .min = 1, .max = no_limit},
                           FieldRule{.name = "return_documents", .kind = FieldKind::boolean},
                           FieldRule{.name = "user", .kind = FieldKind::string}};

Result<json::array> texts_of(const json::object& body) {
    const auto* given = find(body, "documents");
    const auto* documents = given == nullptr ? nullptr : given->if_array();
    if (documents == nullptr || documents->empty()) return wrong("documents", given, "an array of at least one text");
    if (documents->size() > most_documents)
        return fail_field("documents", fmt::format("'documents' has {} elements; expected at most {}",
                                                   documents->size(), most_documents));
    json::array texts;
    texts.reserve(documents->size());
    for (std::size_t i = 0; i < documents->size(); ++i) {
        const auto& document = (*documents)[i];
        const auto* object = document.if_object();
        const auto* text = object == nullptr ? &document : find(*object, "text");
        if (text == nullptr || !text->is_string())
            return wrong(fmt::format("documents[{}]", i), &document, "a text, or an object with a text");
        texts.push_back(*text);
    }
    return texts;
}

// Of a request that was decoded.
const json::array& documents_of(const llm::Request& request) { return request.body.at("documents").get_array(); }

// Servers tell one of them or both: text that is only read makes no others.
std::optional<std::int64_t> tokens_of(const json::object& reply) {
    const auto* usage = object_at(reply, "usage");
    if (usage == nullptr) return std::nullopt;
    return std::max({std::int64_t{0}, count_at(*usage, "prompt_tokens"), count_at(*usage, "total_tokens")});
}

}  // namespace

Result<llm::Request> decode_request(std::string_view text) {
    auto body = parse_body(text);
    if (!body) return std::unexpected(body.error());
    const auto model = string_at(*body, "model");
    if (model.empty()) return wrong("model", find(*body, "model"), "the name of a model");
    const auto query = string_at(*body, "query");
    if (query.empty()) return wrong("query", find(*body, "query"), "a text to rank the documents by");
    auto documents = texts_of(*body);
    if (!documents) return std::unexpected(documents.error());
    if (auto checked = check_fields(*body, rules); !checked) return std::unexpected(checked.error());

    std::size_t longest = 0;
    for (const auto& document : *documents) longest = std::max(longest, document.get_string().size());
    llm::Request request{
        .task = llm::Task::rerank, .model = std::string(model), .body = {}, .size = query.size() + longest};
    const auto all = static_cast<std::int64_t>(documents->size());
    const auto wanted = std::min(integer_at(*body, "top_n").value_or(all), all);
    request.body = std::move(*body);
    request.body["top_n"] = wanted;
    request.body["documents"] = std::move(*documents);
    return request;
}

std::vector<Part> parts_of(const llm::Request& request, std::size_t most, std::size_t most_text) {
    const auto& documents = documents_of(request);
    const auto query = string_at(request.body, "query").size();
    std::vector<Part> parts;
    std::size_t text = 0;
    for (std::size_t i = 0; i < documents.size(); ++i) {
        const auto size = query + documents[i].get_string().size();
        if (parts.empty() || parts.back().count >= most || text + size > most_text) {
            parts.push_back({.first = i, .count = 0});
            text = 0;
        }
        ++parts.back().count;
        text += size;
    }
    return parts;
}

std::string encode_part(const llm::Request& request, std::string_view model, const Part& part) {
    const auto& all = documents_of(request);
    json::object body;
    for (const auto& [key, value] : request.body)
        if (key != "documents" && key != "return_documents" && key != "stream") body.emplace(key, value);
    const auto* first = all.begin() + part.first;
    body["model"] = model;
    body["documents"] = json::array(first, first + part.count);
    body["top_n"] = part.count;  // some servers have a default of their own
    return json::serialize(body);
}

Result<void> Ranking::add(const Part& part, const json::object& reply) {
    const auto* results = array_at(reply, "results");
    if (results == nullptr)
        return fail(Code::upstream, fmt::format("the server sent a ranking without results: {}", excerpt(reply)));
    std::vector<std::optional<double>> found(part.count);
    for (const auto& value : *results) {
        const auto* result = value.if_object();
        const auto index = result == nullptr ? std::nullopt : integer_at(*result, "index");
        const auto* score = result == nullptr ? nullptr : find(*result, "relevance_score");
        const bool fits = index && *index >= 0 && std::cmp_less(*index, part.count) && score != nullptr &&
                          score->is_number() && std::isfinite(score->to_number<double>()) &&
                          !found[static_cast<std::size_t>(*index)];
        if (!fits)
            return fail(Code::upstream,
                        fmt::format("the server sent a result that is none, one of another document, or "
                                    "one of the same again: {}",
                                    excerpt(value)));
        found[static_cast<std::size_t>(*index)] = score->to_number<double>();
    }
    if (results->size() != part.count)
        return fail(Code::upstream, fmt::format("the server scored {} of {} documents", results->size(), part.count));
    for (std::size_t i = 0; i < found.size(); ++i)
        scores_.push_back({.document = part.first + i, .relevance = found[i].value_or(0)});
    const auto tokens = tokens_of(reply);
    tokens_ = tokens_ && tokens ? std::optional(*tokens_ + *tokens) : std::nullopt;
    return {};
}

json::object encode_reply(const llm::Request& request, const Ranking& ranking) {
    auto scores = ranking.scores();
    std::ranges::stable_sort(scores, std::ranges::greater{}, &Ranking::Score::relevance);
    const auto wanted = static_cast<std::size_t>(integer_at(request.body, "top_n").value_or(most_documents));
    if (scores.size() > wanted) scores.resize(wanted);
    const bool with_documents = true_at(request.body, "return_documents");
    json::array results;
    for (const auto& [document, relevance] : scores) {
        json::object result{{"index", document}, {"relevance_score", relevance}};
        if (with_documents) result["document"] = json::object{{"text", documents_of(request)[document]}};
        results.push_back(std::move(result));
    }
    json::object reply{{"object", "list"}, {"model", request.model}};
    if (!request.id.empty()) reply["id"] = "rerank-" + request.id;
    if (const auto tokens = ranking.tokens()) reply["usage"] = {{"prompt_tokens", *tokens}, {"total_tokens", *tokens}};
    reply["results"] = std::move(results);
    return reply;
}

}  // namespace sarai::protocols::rerank
