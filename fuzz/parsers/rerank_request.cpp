// Bodies of /v1/rerank, cut into parts for a server, and what it says of each: the parts hold every document once and
// we accept them ourselves, a ranking has the best first and none twice. The body is the first line, the server's
// answer to each part the rest.
#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>
#include <set>

#include "parsers.hpp"
#include "protocols/json.hpp"
#include "protocols/openai.hpp"
#include "protocols/rerank.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace json = boost::json;
namespace rerank = protocols::rerank;

void check_part(const llm::Request& request, const rerank::Part& part) {
    const auto written = rerank::encode_part(request, "up", part);
    require_json(written, "a part of a request");
    const auto read = rerank::decode_request(written);
    require(read.has_value(), "a part of a request is one that we accept");
    require(read->model == "up", "the server's name for the model stands in its request");
    require(read->body.at("documents").as_array().size() == part.count, "a part has its documents");
    require(read->body.at("top_n") == part.count, "a part asks for all scores");
}

void check_ranking(const llm::Request& request, const rerank::Ranking& ranking) {
    const auto reply = require_json(json::serialize(rerank::encode_reply(request, ranking)), "a ranking");
    const auto& results = reply.at("results").as_array();
    require(static_cast<std::int64_t>(results.size()) == request.body.at("top_n").to_number<std::int64_t>(),
            "a ranking is as long as was asked for");
    std::set<std::int64_t> seen;
    for (std::size_t i = 0; i < results.size(); ++i) {
        require(seen.insert(results[i].at("index").to_number<std::int64_t>()).second, "a document is ranked once");
        require(i == 0 || results[i - 1].at("relevance_score").to_number<double>() >=
                              results[i].at("relevance_score").to_number<double>(),
                "the best comes first");
    }
}

void check(std::string_view body, std::string_view said) {
    const auto request = rerank::decode_request(body);
    if (!request) {
        require_plain(request.error(), "the refusal of a request");
        return (void)require_json(json::serialize(protocols::openai::encode_error(request.error())),
                                  "an error envelope");
    }
    const auto answer = protocols::openai::decode_reply(said, "m");
    rerank::Ranking ranking;
    bool whole = answer.has_value();
    std::size_t next = 0;
    for (const auto& part : rerank::parts_of(*request, 2, 16)) {
        require(part.first == next && part.count > 0 && part.count <= 2, "parts follow each other");
        next += part.count;
        check_part(*request, part);
        if (!whole) continue;
        const auto added = ranking.add(part, *answer);
        if (!added) require_plain(added.error(), "the refusal of a server's scores");
        whole = added.has_value();
    }
    require(next == request->body.at("documents").as_array().size(), "no document is lost");
    if (whole) check_ranking(*request, ranking);
}

}  // namespace

void rerank_request(Input input) {
    const auto body = input.line();
    check(body, input.rest());
}

}  // namespace sarai::fuzz
