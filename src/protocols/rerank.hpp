// Ranking documents by a query, in the spelling that Jina, Cohere, vLLM and llama-server share, from both sides.
//
// The neutral body is {"model", "query", "documents": ["text", …], "top_n", "return_documents"} and what else the
// client wrote. Servers are asked for the scores of all documents, in parts where they cannot hold all; sorting,
// cutting and giving documents back is done here. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "llm/types.hpp"

namespace sarai::protocols::rerank {

inline constexpr std::size_t most_documents = 2048;  // of one request, as of inputs to embed

// Documents may be texts or {"text"}; a top_n beyond their number means all. Errors: invalid_argument that names the
// field, its value and what was expected.
[[nodiscard]] Result<llm::Request> decode_request(std::string_view body);

// Documents that one request to a server has.
struct Part {
    std::size_t first = 0;
    std::size_t count = 0;
    bool operator==(const Part&) const = default;
};
// In order, none empty; of at most `documents`, and `text` bytes with the query before each, unless one alone is
// longer.
[[nodiscard]] std::vector<Part> parts_of(const llm::Request& request, std::size_t documents, std::size_t text);
[[nodiscard]] std::string encode_part(const llm::Request& request, std::string_view model, const Part& part);

// The scores that the answers bring.
class Ranking {
public:
    struct Score {
        std::size_t document = 0;
        double relevance = 0;
    };

    // Errors: upstream unless the reply has one score for each document of the part; then nothing is added.
    [[nodiscard]] Result<void> add(const Part& part, const boost::json::object& reply);
    [[nodiscard]] const std::vector<Score>& scores() const { return scores_; }
    // Tokens of all queries and documents; absent where an answer did not tell its own.
    [[nodiscard]] std::optional<std::int64_t> tokens() const { return tokens_; }

private:
    std::vector<Score> scores_;
    std::optional<std::int64_t> tokens_ = 0;
};

// {"object": "list", "id", "model", "usage", "results": [{"index", "relevance_score", "document"}]}: the best first, of
// equal ones that which came first.
[[nodiscard]] boost::json::object encode_reply(const llm::Request& request, const Ranking& ranking);

}  // namespace sarai::protocols::rerank
