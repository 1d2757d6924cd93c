#include "remote/answer_tokens.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <map>

#include "protocols/json.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using net::asio::awaitable;

std::optional<Token> token_of(const json::value& value) {
    const auto* object = value.if_object();
    const auto* id = object == nullptr ? nullptr : object->if_contains("id");
    const auto* piece = object == nullptr ? nullptr : object->if_contains("piece");
    if (id == nullptr || !id->is_int64() || piece == nullptr) return std::nullopt;
    Token token{.id = id->get_int64(), .bytes = {}};
    if (const auto* text = piece->if_string()) {
        token.bytes = *text;
    } else if (const auto* bytes = piece->if_array()) {
        for (const auto& byte : *bytes) {
            const auto number = byte.try_to_number<std::uint8_t>();
            if (!number) return std::nullopt;
            token.bytes += static_cast<char>(*number);
        }
    } else {
        return std::nullopt;
    }
    return token;
}

Result<json::object> object_of(const Link& link, std::string_view reply) {
    auto value = protocols::parse_json(reply);
    if (value && value->is_object()) return std::move(value->get_object());
    return std::unexpected(
        named(link, Error{.code = Code::upstream, .message = "sent no JSON object: " + protocols::excerpt(reply)}));
}

// 0: it does not tell, or nothing that is to be believed.
awaitable<std::int64_t> vocabulary_size(const Link& link) {
    constexpr std::int64_t most = 4'000'000;                // fifteen times the largest
    const auto reply = co_await probe(link, "/v1/models");  // within seconds, as the client waits
    if (!reply) co_return 0;
    const auto about = object_of(link, reply->body);
    const auto* data = about ? protocols::array_at(*about, "data") : nullptr;
    const auto* model = data == nullptr || data->empty() ? nullptr : data->front().if_object();
    const auto* meta = model == nullptr ? nullptr : protocols::object_at(*model, "meta");
    const auto size = meta == nullptr ? 0 : protocols::integer_at(*meta, "n_vocab").value_or(0);
    co_return size > most ? 0 : size;
}

bool is_ascii(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

json::array with_lead(std::string_view lead, const std::vector<std::string_view>& pieces) {
    json::array texts;
    for (const auto piece : pieces) texts.push_back(json::value(std::string(lead) + std::string(piece)));
    return texts;
}

// Not every token of a vocabulary is what the tokenizer makes of its own text. Reads the vocabulary for those: some
// 100 ms for the largest ones (262,144 tokens).
awaitable<Result<void>> look_up(const Link& link, std::map<std::string_view, std::optional<std::int64_t>>& sought) {
    constexpr std::string_view separator = "\x1e";  // that no token has within
    const auto split = co_await tokenize(link, json::value(separator), false);
    if (!split) co_return std::unexpected(split.error());
    const auto size = co_await vocabulary_size(link);
    if (split->empty() || split->back().bytes != separator || size <= 0) co_return Result<void>{};

    json::array ids;
    for (std::int64_t id = 0; id < size; ++id) {
        ids.push_back(id);
        ids.push_back(split->back().id);
    }
    const auto reply = co_await ask(link, "/detokenize", {{"tokens", std::move(ids)}});
    if (!reply) co_return std::unexpected(reply.error());
    auto text = protocols::string_at(*reply, "content");
    for (std::int64_t id = 0; id < size; ++id) {
        const auto end = text.find(separator);
        if (end == std::string_view::npos) break;
        if (const auto wanted = sought.find(text.substr(0, end)); wanted != sought.end() && !wanted->second)
            wanted->second = id;
        text.remove_prefix(end + separator.size());
        if (id == split->back().id && text.starts_with(separator)) text.remove_prefix(separator.size());
    }
    co_return Result<void>{};
}

}  // namespace

awaitable<Result<json::object>> ask(Link link, std::string target, const json::object& body) {
    link.budgets.total = std::min<std::chrono::milliseconds>(link.budgets.total, std::chrono::seconds(30));
    const auto reply = co_await post(link, std::move(target), json::serialize(body));
    if (!reply) co_return std::unexpected(reply.error());
    co_return object_of(link, *reply);
}

awaitable<Result<std::vector<Token>>> tokenize(const Link& link, json::value content, bool is_prompt) {
    const json::object body{{"content", std::move(content)},
                            {"add_special", is_prompt},
                            {"parse_special", is_prompt},
                            {"with_pieces", true}};
    const auto reply = co_await ask(link, "/tokenize", body);
    if (!reply) co_return std::unexpected(reply.error());
    const auto* list = protocols::array_at(*reply, "tokens");
    std::vector<Token> tokens;
    if (list != nullptr)
        for (const auto& value : *list)
            if (auto token = token_of(value)) tokens.push_back(std::move(*token));
    if (list == nullptr || tokens.size() != list->size())
        co_return std::unexpected(named(link, Error{.code = Code::upstream, .message = "sent no tokens"}));
    co_return tokens;
}

std::optional<std::vector<std::vector<std::int64_t>>> by_piece(const std::vector<Token>& tokens,
                                                               const std::vector<std::string_view>& pieces,
                                                               std::string_view lead) {
    std::vector<std::vector<std::int64_t>> all;
    auto next = tokens.begin();
    // Takes tokens until they are as long as `text`.
    const auto spell = [&](std::string_view text) -> std::optional<std::vector<std::int64_t>> {
        std::string spelled;
        std::vector<std::int64_t> ids;
        for (; spelled.size() < text.size(); ++next) {
            if (next == tokens.end()) return std::nullopt;
            spelled += next->bytes;
            ids.push_back(next->id);
        }
        return spelled == text ? std::optional(std::move(ids)) : std::nullopt;
    };
    for (const auto piece : pieces) {
        if (!spell(lead)) return std::nullopt;
        auto ids = spell(piece);
        if (!ids) return std::nullopt;
        all.push_back(std::move(*ids));
    }
    if (next != tokens.end()) return std::nullopt;
    return all;
}

awaitable<Result<std::optional<AnswerTokens>>> answer_tokens(const Link& link, const llm::Partial& partial,
                                                             bool may_look_up) {
    const auto pieces = partial.pieces();
    auto tokens = co_await tokenize(link, with_lead("", pieces), false);
    if (!tokens) co_return std::unexpected(tokens.error());
    auto all = by_piece(*tokens, pieces, "");
    if (!all) {
        // SentencePiece puts a blank before each text. A line end between the two keeps it from merging with what
        // follows.
        tokens = co_await tokenize(link, with_lead("\n", pieces), false);
        if (!tokens) co_return std::unexpected(tokens.error());
        all = by_piece(*tokens, pieces, " \n");
    }
    if (!all) co_return std::nullopt;

    std::map<std::string_view, std::optional<std::int64_t>> sought;
    for (std::size_t i = 0; i < pieces.size(); ++i)
        if ((*all)[i].size() > 1 && is_ascii(pieces[i])) sought[pieces[i]];
    if (!sought.empty() && may_look_up)
        if (const auto found = co_await look_up(link, sought); !found) co_return std::unexpected(found.error());
    AnswerTokens answer{.pieces = pieces.size()};
    for (std::size_t i = 0; i < pieces.size(); ++i) {
        auto& own = (*all)[i];
        if (const auto found = sought.find(pieces[i]); found != sought.end() && found->second) own = {*found->second};
        answer.ids.insert(answer.ids.end(), own.begin(), own.end());
        if (own.size() == 1)
            ++answer.whole;
        else if (is_ascii(pieces[i]))
            answer.exact = false;
    }
    co_return answer;
}

}  // namespace sarai::remote
