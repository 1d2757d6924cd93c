#include "gateway/step_exchange.hpp"

#include <fmt/format.h>

#include <chrono>

namespace sarai::gateway {
namespace asio = boost::asio;

asio::awaitable<Result<void>> Progress::write(std::string_view bytes) {
    if (!shown_ || bytes.empty()) co_return Result<void>{};
    waiting_ += bytes;
    if (writing_) co_return Result<void>{};
    struct Writing {
        bool& flag;
        explicit Writing(bool& of) : flag(of) { flag = true; }
        ~Writing() { flag = false; }
    } writing(writing_);
    if (!client_.started()) begin_();
    while (!waiting_.empty()) {
        const auto now = std::exchange(waiting_, {});
        if (auto written = co_await client_.write(now); !written) co_return written;
    }
    co_return Result<void>{};
}

void StepFace::show(const std::string& text, std::string& out) {
    boost::json::object chunk{
        {"id", "chatcmpl-" + names_.id},
        {"object", "chat.completion.chunk"},
        {"created", std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())},
        {"model", names_.model},
        {"choices", {{{"index", 0}, {"delta", {{"reasoning_content", text}}}, {"finish_reason", nullptr}}}}};
    client_.event(llm::StreamEvent(std::move(chunk)), out);
}

void StepFace::event(const llm::StreamEvent& event, std::string& out) {
    const auto piece = llm::text_of(event);
    if (piece.empty()) return;
    if (shown_) show((text_.empty() ? fmt::format("[{}] ", names_.step) : "") + std::string(piece), out);
    text_ += piece;
}

void StepFace::end(std::string& out) {
    if (shown_ && !text_.empty()) show("\n\n", out);
}

void StepFace::heartbeat(std::string_view what, std::string& out) {
    client_.heartbeat(fmt::format("step {}: {}", names_.step, what), out);
}

}  // namespace sarai::gateway
