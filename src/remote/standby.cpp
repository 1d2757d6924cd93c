#include "remote/standby.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "remote/answer_tokens.hpp"
#include "remote/prompt_reader.hpp"
#include "remote/resume.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using net::asio::awaitable;

class LlamaStandby final : public llm::Standby {
public:
    LlamaStandby(Link link, const llm::Request& request)
        : link_(std::move(link)),
          request_{.task = request.task, .model = request.model, .body = request.body, .id = request.id} {}

    awaitable<Result<Progress>> step(const llm::Partial& so_far) override {
        auto news = take_news(so_far);  // before the first wait: it grows meanwhile, or goes
        if (ids_.empty()) {
            const auto prompt = co_await prompt_of(link_, request_);
            if (!prompt) co_return std::unexpected(prompt.error());
            const auto tokens = co_await tokenize(link_, json::value(*prompt), true);
            if (!tokens) co_return std::unexpected(tokens.error());
            for (const auto& token : *tokens) ids_.push_back(token.id);
            prompt_ = static_cast<std::int64_t>(ids_.size());
        }
        if (auto added = co_await add(std::move(news)); !added) co_return std::unexpected(added.error());
        const auto known = static_cast<std::int64_t>(ids_.size());
        if (link_.context > 0 && known >= link_.context)
            co_return fail(Code::unsupported,
                           fmt::format("{} tokens are more than the {} of a slot", known, link_.context));
        const bool worth_it =
            known <= most_tokens && (known - read_ >= least_step || (read_ < prompt_ && known > read_));
        if (worth_it) {
            const auto upto = std::min(known, read_ + tokens_per_step);
            if (auto done = co_await read_into_slot(link_, ids_, upto); !done) co_return std::unexpected(done.error());
            read_ = upto;
        }
        co_return Progress{.read = read_, .known = known};
    }

    void forget() override { read_ = 0; }

private:
    // What came since the last step.
    llm::Partial take_news(const llm::Partial& so_far) {
        if (only_prompt_ || so_far.ends.size() <= pieces_) return {};
        const auto from = pieces_ == 0 ? 0 : so_far.ends[pieces_ - 1];
        llm::Partial news{.text = so_far.text.substr(from)};
        for (auto i = pieces_; i < so_far.ends.size(); ++i) news.ends.push_back(so_far.ends[i] - from);
        pieces_ = so_far.ends.size();
        return news;
    }
    awaitable<Result<void>> add(llm::Partial news) {
        if (only_prompt_ || news.ends.empty()) co_return Result<void>{};
        const auto tokens = co_await answer_tokens(link_, news, false);
        if (!tokens) co_return std::unexpected(tokens.error());
        // Of a text that is to be read as a whole nobody knows yet which tokens it will be. So few pieces say little.
        constexpr std::size_t enough = 16;
        if (*tokens) {
            seen_.whole += (*tokens)->whole;
            seen_.pieces += (*tokens)->pieces;
        }
        only_prompt_ = !*tokens || (seen_.pieces >= enough && !seen_.plausible());
        if (!only_prompt_) ids_.insert(ids_.end(), (*tokens)->ids.begin(), (*tokens)->ids.end());
        co_return Result<void>{};
    }

    Link link_;
    llm::Request request_;
    json::array ids_;  // of the prompt and the answer so far
    std::int64_t prompt_ = 0;
    std::int64_t read_ = 0;
    std::size_t pieces_ = 0;  // of the answer, whose tokens are among ids_
    AnswerTokens seen_;
    bool only_prompt_ = false;
};

}  // namespace

std::unique_ptr<llm::Standby> make_standby(Link link, const llm::Request& request) {
    return std::make_unique<LlamaStandby>(std::move(link), request);
}

}  // namespace sarai::remote
