#include "gateway/anthropic_face.hpp"

#include <boost/json/serialize.hpp>
#include <utility>

#include "protocols/anthropic.hpp"

namespace sarai::gateway {
namespace {

namespace anthropic = protocols::anthropic;

class AnthropicFace final : public Face {
public:
    AnthropicFace(std::string model, std::string prefill, std::string request_id)
        : model_(model), prefill_(std::move(prefill)), request_id_(std::move(request_id)), events_(std::move(model)) {}

    std::string reply(const boost::json::object& reply) override {
        return boost::json::serialize(anthropic::encode_reply(model_, reply, prefill_));
    }
    std::string_view stream_type() const override { return "text/event-stream"; }
    void event(const llm::StreamEvent& event, std::string& out) override { events_.chunk(event.chunk(), out); }
    void end(std::string& out) override { events_.finish(out); }
    // The comment is for people who watch, the ping for clients whose patience it is to renew.
    void heartbeat(std::string_view what, std::string& out) override {
        out.append(": ").append(what).append("\n");
        anthropic::EventEncoder::heartbeat(out);
    }
    void stream_error(const Error& error, std::string& out) override {
        anthropic::EventEncoder::error(error, out, request_id_);
    }

private:
    std::string model_;
    std::string prefill_;
    std::string request_id_;
    anthropic::EventEncoder events_;
};

}  // namespace

std::unique_ptr<Face> make_anthropic_face(std::string model, std::string prefill, std::string request_id) {
    return std::make_unique<AnthropicFace>(std::move(model), std::move(prefill), std::move(request_id));
}

}  // namespace sarai::gateway
