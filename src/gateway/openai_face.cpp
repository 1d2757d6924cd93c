#include "gateway/openai_face.hpp"

#include <boost/json/serialize.hpp>

#include "protocols/openai.hpp"

namespace sarai::gateway {
namespace {

class OpenAiFace final : public Face {
public:
    std::string reply(const boost::json::object& reply) override { return boost::json::serialize(reply); }
    std::string_view stream_type() const override { return "text/event-stream"; }
    void event(const llm::StreamEvent& event, std::string& out) override {
        protocols::openai::append_event(out, event);
    }
    void end(std::string& out) override { out += protocols::openai::end_of_stream; }
    void heartbeat(std::string_view what, std::string& out) override { out.append(": ").append(what).append("\n\n"); }
    // No [DONE] after an error: a client must not take what it has for the whole.
    void stream_error(const Error& error, std::string& out) override {
        protocols::openai::append_event(out, protocols::openai::encode_error(error));
    }
};

}  // namespace

std::unique_ptr<Face> make_openai_face() { return std::make_unique<OpenAiFace>(); }

}  // namespace sarai::gateway
