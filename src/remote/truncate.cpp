#include "remote/truncate.hpp"

#include <boost/json/array.hpp>

#include "base/utf8.hpp"
#include "protocols/json.hpp"
#include "remote/answer_tokens.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using net::asio::awaitable;

// Nothing where the text fits.
awaitable<Result<std::optional<json::array>>> first_tokens(const Link& link, std::string_view text) {
    // A token is a byte at least, and two may be put around a text.
    const auto most = static_cast<std::size_t>(link.context);
    if (text.size() + 2 <= most) co_return std::nullopt;
    // Nor does any tokenizer make tokens of more than 64 bytes on average: the worker need not see the rest.
    const auto head = valid_utf8(text.substr(0, most * 64));
    const auto tokens = co_await tokenize(link, json::value(head), true);
    if (!tokens) co_return std::unexpected(tokens.error());
    if (tokens->size() <= most) co_return std::nullopt;
    json::array ids;
    for (std::size_t i = 0; i + 1 < most; ++i) ids.emplace_back((*tokens)[i].id);
    ids.emplace_back(tokens->back().id);
    co_return std::move(ids);
}

}  // namespace

awaitable<Result<llm::Request>> truncated(const Link& link, llm::Request request) {
    request.text = {};
    request.body.erase("truncate");
    auto* input = request.body.if_contains("input");
    if (link.context <= 0 || input == nullptr) co_return request;
    // One text or several, which the engine takes beside tokens.
    std::vector<json::value*> texts;
    if (input->is_string()) texts.push_back(input);
    if (auto* all = input->if_array())
        for (auto& text : *all)
            if (text.is_string()) texts.push_back(&text);
    for (auto* text : texts) {
        auto ids = co_await first_tokens(link, text->get_string());
        if (!ids) co_return std::unexpected(ids.error());
        if (*ids) *text = std::move(**ids);
    }
    co_return request;
}

}  // namespace sarai::remote
