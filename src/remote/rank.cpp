#include "remote/rank.hpp"

#include "protocols/openai.hpp"
#include "protocols/rerank.hpp"

namespace sarai::remote {

namespace rerank = protocols::rerank;

net::asio::awaitable<Result<boost::json::object>> rank(const Link& link, const std::string& target,
                                                       const llm::Request& request) {
    rerank::Ranking ranking;
    for (const auto& part : rerank::parts_of(request, link.max_inputs, link.max_text)) {
        const auto reply = co_await post(link, target, rerank::encode_part(request, link.model, part));
        if (!reply) co_return std::unexpected(reply.error());
        const auto decoded = protocols::openai::decode_reply(*reply, request.model);
        if (!decoded) co_return std::unexpected(named(link, decoded.error()));
        if (auto added = ranking.add(part, *decoded); !added) co_return std::unexpected(named(link, added.error()));
    }
    co_return rerank::encode_reply(request, ranking);
}

}  // namespace sarai::remote
