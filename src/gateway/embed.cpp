#include "gateway/embed.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>

#include "gateway/answer.hpp"
#include "gateway/step_exchange.hpp"
#include "protocols/json.hpp"

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

Result<std::vector<knowledge::Vector>> vectors_of(const json::object& reply, std::size_t texts) {
    const auto* data = protocols::array_at(reply, "data");
    if (data == nullptr || data->size() != texts)
        return fail(Code::upstream, fmt::format("the embedding model answered {} texts with {} vectors", texts,
                                                data == nullptr ? 0 : data->size()));
    std::vector<knowledge::Vector> vectors;
    for (const auto& entry : *data) {
        auto& vector = vectors.emplace_back();
        const auto* numbers = entry.is_object() ? protocols::array_at(entry.get_object(), "embedding") : nullptr;
        if (numbers != nullptr)
            for (const auto& number : *numbers) {
                boost::system::error_code ec;
                vector.push_back(number.to_number<float>(ec));
                if (ec) return fail(Code::upstream, "the embedding model's answer has a vector of something else");
            }
        if (!knowledge::normalise(vector))
            return fail(Code::upstream, "the embedding model's answer has a vector without direction");
    }
    return vectors;
}

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
    co_return vectors_of(face.kept, texts.size());
}

}  // namespace sarai::gateway
