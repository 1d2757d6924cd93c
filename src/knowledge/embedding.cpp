#include "knowledge/embedding.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/utf8.hpp"

namespace sarai::knowledge {

namespace {

constexpr std::size_t most_question = std::size_t{32} << 10;
constexpr std::size_t least_question = 64;

std::string text_of(const Chunk& chunk) {
    return chunk.heading.empty() ? chunk.text : chunk.heading + "\n" + chunk.text;
}

}  // namespace

Embedding::Embedding(std::vector<Chunk> chunks, std::vector<Mark> marks, const BatchLimits& limits)
    : marks_(std::move(marks)),
      limits_(limits),
      most_(std::max<std::size_t>(limits.texts, 1)),
      waiting_(std::move(chunks)) {
    std::ranges::reverse(waiting_);
    fill();
}

void Embedding::fill() {
    batch_.clear();
    std::size_t bytes = 0;
    for (auto next = waiting_.rbegin(); next != waiting_.rend() && batch_.size() < most_; ++next) {
        auto text = text_of(*next);
        bytes += text.size();
        if (!batch_.empty() && bytes > limits_.bytes) break;  // the first is taken whatever its size
        batch_.push_back(std::move(text));
    }
}

Result<void> Embedding::take(Result<std::vector<Vector>> answer) {
    if (answer) {
        if (answer->size() != batch_.size())
            return fail(Code::upstream,
                        fmt::format("the embedding model made {} vectors of {} texts", answer->size(), batch_.size()));
        std::ranges::move(*answer, std::back_inserter(vectors_));
        for (std::size_t i = 0; i < batch_.size(); ++i) {
            chunks_.push_back(std::move(waiting_.back()));
            waiting_.pop_back();
        }
        // A document that is dense in one place may be so in the next.
        most_ = std::min(2 * most_, std::max<std::size_t>(limits_.texts, 1));
    } else if (!is_refusal(answer.error())) {
        return std::unexpected(std::move(answer.error()));
    } else if (batch_.size() > 1) {
        most_ = batch_.size() / 2;
    } else {
        auto halves = halve(waiting_.back(), marks_);
        if (!halves) return std::unexpected(std::move(answer.error()));
        waiting_.back() = std::move(halves->second);
        waiting_.push_back(std::move(halves->first));
    }
    fill();
    return {};
}

std::unexpected<Error> about(std::string_view path, Error error) {
    error.message = fmt::format("{}: {}", path, error.message);
    return std::unexpected(std::move(error));
}

bool is_refusal(const Error& error) { return is_requests_fault(error.code) && error.code != Code::unsupported; }

std::string_view beginning(std::string_view question) {
    return question.substr(0, utf8_floor(question, most_question));
}

std::string_view first_half(std::string_view question) {
    if (question.size() < 2 * least_question) return {};
    return question.substr(0, utf8_floor(question, question.size() / 2));
}

}  // namespace sarai::knowledge
