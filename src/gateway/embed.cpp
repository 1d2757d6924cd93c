#include "gateway/embed.hpp"

#include <algorithm>
#include <boost/json/array.hpp>

#include "gateway/answer.hpp"
#include "gateway/step_exchange.hpp"
#include "protocols/vectors.hpp"

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

// Keeps the neutral reply; nothing of it goes anywhere.
class KeptReply final : public Face {
public:
    json::object kept;

    [[nodiscard]] std::string reply(const json::object& reply) override {
        kept = reply;
        return {};
    }
    [[nodiscard]] std::string_view stream_type() const override { return "application/json"; }
    void event(const llm::StreamEvent& /*event*/, std::string& /*out*/) override {}
    void end(std::string& /*out*/) override {}
    void heartbeat(std::string_view /*what*/, std::string& /*out*/) override {}
    void stream_error(const Error& /*error*/, std::string& /*out*/) override {}
};

}  // namespace

asio::awaitable<Result<std::vector<knowledge::Vector>>> embed(net::Exchange& client, Caller& caller, std::string model,
                                                              std::vector<std::string> texts, Shared shared) {
    json::array input;
    std::size_t size = 0;
    for (const auto& text : texts) {
        input.emplace_back(text);
        size += text.size();
    }
    llm::Request request{.task = llm::Task::embedding,
                         .model = model,
                         .body = {{"model", model}, {"input", std::move(input)}, {"encoding_format", "float"}}};
    request.size = size;
    Progress nobody(client, false, [] {});
    StepExchange exchange(client, nobody);
    KeptReply face;
    Caller part{.visit = {},
                .name = caller.name,
                .id = caller.id + ".embed",
                .trace = caller.trace,
                .pipeline = caller.pipeline};
    co_await answer(exchange, part, std::move(request), face, Protocol::openai, shared);
    if (part.usage) caller.visit.spend(part.usage->prompt_tokens);
    if (part.failure) co_return std::unexpected(std::move(*part.failure));
    auto vectors = protocols::read_vectors(face.kept, texts.size());
    if (!vectors) co_return vectors;
    if (!std::ranges::all_of(*vectors, knowledge::normalise))
        co_return fail(Code::upstream, "the embedding model's answer has a vector without direction");
    co_return vectors;
}

}  // namespace sarai::gateway
