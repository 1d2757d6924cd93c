#include "gateway/ollama_face.hpp"

#include <boost/json/serialize.hpp>
#include <chrono>
#include <utility>

namespace sarai::gateway {
namespace {

namespace ollama = protocols::ollama;
using Clock = std::chrono::steady_clock;

class OllamaFace final : public Face {
public:
    OllamaFace(ollama::Call call, std::string model, std::optional<boost::json::array> messages)
        : call_(call), model_(model), messages_(messages), lines_(call, std::move(model), std::move(messages)) {}

    void waited(std::chrono::nanoseconds duration) override { waited_ = duration; }
    std::string reply(const boost::json::object& reply) override {
        rates_ = llm::rates_of(reply);
        return boost::json::serialize(
            ollama::encode_reply(call_, model_, reply, now(), durations(), std::move(messages_)));
    }
    std::string_view stream_type() const override { return "application/x-ndjson"; }
    void event(const llm::StreamEvent& event, std::string& out) override {
        if (first_ == Clock::time_point{}) first_ = Clock::now();
        lines_.chunk(event.chunk(), now(), out);
    }
    void end(std::string& out) override { lines_.finish(now(), durations(), out); }
    // NDJSON has no comments: a part without text is what its clients bear.
    void heartbeat(std::string_view /*what*/, std::string& out) override { lines_.heartbeat(now(), out); }
    void stream_error(const Error& error, std::string& out) override { ollama::LineEncoder::error(error, out); }

private:
    static std::chrono::nanoseconds nanoseconds(double seconds) {
        return std::chrono::round<std::chrono::nanoseconds>(std::chrono::duration<double>(seconds));
    }
    static ollama::Moment now() { return std::chrono::system_clock::now(); }
    [[nodiscard]] ollama::Durations durations() const {
        const auto end = Clock::now();
        ollama::Durations result{.total = end - begun_, .load = waited_};
        if (first_ != Clock::time_point{}) {
            result.prompt_eval = first_ - begun_ - waited_;
            result.eval = end - first_;
        } else if (rates_) {  // a whole answer: as its backend measured
            result.prompt_eval = nanoseconds(rates_->prompt_seconds);
            result.eval = nanoseconds(rates_->decode_seconds);
        }
        return result;
    }

    ollama::Call call_;
    std::string model_;
    std::optional<boost::json::array> messages_;
    ollama::LineEncoder lines_;
    Clock::time_point begun_ = Clock::now();
    Clock::time_point first_;
    std::chrono::nanoseconds waited_{};
    std::optional<llm::Rates> rates_;
};

}  // namespace

std::unique_ptr<Face> make_ollama_face(ollama::Call call, std::string model,
                                       std::optional<boost::json::array> messages) {
    return std::make_unique<OllamaFace>(call, std::move(model), std::move(messages));
}

}  // namespace sarai::gateway
