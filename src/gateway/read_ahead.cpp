#include "gateway/read_ahead.hpp"

#include <utility>

namespace sarai::gateway {
namespace {

namespace asio = boost::asio;
using HowFar = llm::Standby::Progress;

std::unexpected<Error> reads_nothing() { return fail(Code::unsupported, "the backend reads nothing ahead"); }

// Steps run as coroutines of their own: what they use is theirs.
struct AnswerWork {
    llm::Request request;
    std::function<Result<const llm::Partial*>()> so_far;
    std::unique_ptr<llm::Standby> standby = {};

    static asio::awaitable<Result<HowFar>> step(std::shared_ptr<AnswerWork> self, llm::Backend& backend,
                                                IdleReader::Found found) {
        if (found == IdleReader::Found::other) self->standby = backend.stand_by(self->request);
        if (!self->standby) co_return reads_nothing();
        if (found == IdleReader::Found::used) self->standby->forget();
        const auto text = self->so_far();
        if (!text) co_return std::unexpected(text.error());
        co_return co_await self->standby->step(**text);
    }
};

struct PromptWork {
    std::function<std::optional<KnownPrompt>()> known;
    std::unique_ptr<llm::PromptReader> reader = {};

    static asio::awaitable<Result<HowFar>> step(std::shared_ptr<PromptWork> self, llm::Backend& backend,
                                                IdleReader::Found found) {
        if (found == IdleReader::Found::other) self->reader = backend.read_prompts();
        if (!self->reader) co_return reads_nothing();
        if (found == IdleReader::Found::used) self->reader->forget();
        auto prompt = self->known();
        if (!prompt) co_return HowFar{};
        co_return co_await self->reader->step(prompt->request, std::move(prompt->until));
    }
};

}  // namespace

std::unique_ptr<IdleReader> read_answer_ahead(const asio::any_io_executor& executor, pool::Pool& pool,
                                              pool::ModelIndex model, llm::Request request,
                                              std::function<Result<const llm::Partial*>()> so_far) {
    auto id = request.id;
    auto work = std::make_shared<AnswerWork>(AnswerWork{.request = std::move(request), .so_far = std::move(so_far)});
    return std::make_unique<IdleReader>(
        executor, pool, model, std::move(id),
        [work](llm::Backend& backend, IdleReader::Found found) { return AnswerWork::step(work, backend, found); });
}

std::unique_ptr<IdleReader> read_prompt_ahead(const asio::any_io_executor& executor, pool::Pool& pool,
                                              pool::ModelIndex model, std::string id,
                                              std::function<std::optional<KnownPrompt>()> known) {
    auto work = std::make_shared<PromptWork>(PromptWork{.known = std::move(known)});
    return std::make_unique<IdleReader>(
        executor, pool, model, std::move(id),
        [work](llm::Backend& backend, IdleReader::Found found) { return PromptWork::step(work, backend, found); });
}

}  // namespace sarai::gateway
