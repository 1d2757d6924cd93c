#include "remote/prompt_reader.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "remote/answer_tokens.hpp"
#include "remote/resume.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using net::asio::awaitable;

class LlamaPromptReader final : public llm::PromptReader {
public:
    explicit LlamaPromptReader(Link link) : link_(std::move(link)) {}

    awaitable<Result<llm::Standby::Progress>> step(const llm::Request& asked, std::string until) override {
        const llm::Request request{.task = asked.task, .model = asked.model, .body = asked.body, .id = asked.id};
        auto prompt = co_await prompt_of(link_, request);
        if (!prompt) co_return std::unexpected(prompt.error());
        // What the template puts behind the message is not what will stand there.
        const auto at = prompt->rfind(until);
        if (at == std::string::npos)
            co_return fail(Code::unsupported, "the model's template changes the text of messages");
        prompt->resize(at + until.size());
        const auto tokens = co_await tokenize(link_, json::value(*prompt), true);
        if (!tokens) co_return std::unexpected(tokens.error());
        take(*tokens);
        const auto known = static_cast<std::int64_t>(ids_.size());
        if (link_.context > 0 && known >= link_.context)
            co_return fail(Code::unsupported,
                           fmt::format("{} tokens are more than the {} of a slot", known, link_.context));
        if (known <= most_tokens && known - read_ >= least_step) {
            const auto upto = std::min(known, read_ + tokens_per_step);
            if (auto done = co_await read_into_slot(link_, ids_, upto); !done) co_return std::unexpected(done.error());
            read_ = upto;
        }
        co_return llm::Standby::Progress{.read = read_, .known = known};
    }

    void forget() override { read_ = 0; }

private:
    // The last one may become another token when more text follows.
    void take(const std::vector<Token>& tokens) {
        json::array ids;
        for (std::size_t i = 0; i + 1 < tokens.size(); ++i) ids.push_back(tokens[i].id);
        const auto [mine, theirs] = std::ranges::mismatch(ids_, ids);
        read_ = std::min(read_, static_cast<std::int64_t>(mine - ids_.begin()));
        ids_ = std::move(ids);
    }

    Link link_;
    json::array ids_;        // that are known
    std::int64_t read_ = 0;  // of these, in the slot
};

}  // namespace

std::unique_ptr<llm::PromptReader> make_prompt_reader(Link link) {
    return std::make_unique<LlamaPromptReader>(std::move(link));
}

// With 0 tokens to predict the slot keeps what it has read.
awaitable<Result<void>> read_into_slot(Link link, const json::array& ids, std::int64_t count) {
    const auto reply = co_await ask(
        std::move(link), "/completion",
        {{"prompt", json::array(ids.begin(), ids.begin() + count)}, {"n_predict", 0}, {"cache_prompt", true}});
    if (!reply) co_return std::unexpected(reply.error());
    co_return Result<void>{};
}

}  // namespace sarai::remote
