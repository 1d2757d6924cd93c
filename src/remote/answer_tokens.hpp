// The tokens of an answer that is known as text, found again by the pieces in which it came.
#pragma once

#include <boost/json/array.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "llm/backend.hpp"
#include "remote/link.hpp"

namespace sarai::remote {

struct Token {
    std::int64_t id = 0;
    std::string bytes;  // part of a code point, maybe
};

// `tokens`, which a tokenizer made of each of `pieces` by itself, with `lead` before each of them, by piece and without
// the lead. nullopt where they do not spell the pieces.
[[nodiscard]] std::optional<std::vector<std::vector<std::int64_t>>> by_piece(
    const std::vector<Token>& tokens, const std::vector<std::string_view>& pieces, std::string_view lead);

struct AnswerTokens {
    boost::json::array ids;
    bool exact = true;       // each piece is one token, or a few that share a code point
    std::size_t whole = 0;   // pieces that are one token
    std::size_t pieces = 0;  // all of them

    // Where most pieces are several tokens they were not made by this tokenizer, and where they end says nothing.
    [[nodiscard]] bool plausible() const { return whole * 2 >= pieces; }
};

// A server streams a token at a time, or a few where they share a code point or might begin a stop sequence; so where a
// piece ends a token ended. Read as a whole a text would become other tokens wherever a tokenizer merges, and a model
// goes on otherwise after other tokens. nullopt: the tokens do not spell the pieces. `may_look_up`: in the whole
// vocabulary, where a piece is several tokens though it shares no code point.
[[nodiscard]] net::asio::awaitable<Result<std::optional<AnswerTokens>>> answer_tokens(const Link& link,
                                                                                      const llm::Partial& partial,
                                                                                      bool may_look_up);

// What a llama-server's tokenizer makes of a text, or of each of an array of texts.
[[nodiscard]] net::asio::awaitable<Result<std::vector<Token>>> tokenize(const Link& link, boost::json::value content,
                                                                        bool is_prompt);

// A quick question by POST, answered by an object: the client waits in the middle of its answer.
[[nodiscard]] net::asio::awaitable<Result<boost::json::object>> ask(Link link, std::string target,
                                                                    const boost::json::object& body);

}  // namespace sarai::remote
