// An answer with text before and after the model's own, in the client's protocol: a pipeline's preface and closing.
#pragma once

#include <string>
#include <utility>

#include "gateway/face.hpp"

namespace sarai::gateway {

class FramedFace final : public Face {
public:
    struct Frame {
        std::string preface;
        std::string closing;
        [[nodiscard]] bool empty() const { return preface.empty() && closing.empty(); }
    };
    struct Names {
        std::string id;     // of the client's request
        std::string model;  // that the client asked for
    };
    FramedFace(Face& client, Frame frame, Names names)
        : client_(client), frame_(std::move(frame)), names_(std::move(names)) {}

    void waited(std::chrono::nanoseconds duration) override { client_.waited(duration); }
    [[nodiscard]] std::string reply(const boost::json::object& reply) override;
    [[nodiscard]] std::string_view stream_type() const override { return client_.stream_type(); }
    void event(const llm::StreamEvent& event, std::string& out) override;
    void end(std::string& out) override;
    void heartbeat(std::string_view what, std::string& out) override { client_.heartbeat(what, out); }
    void stream_error(const Error& error, std::string& out) override { client_.stream_error(error, out); }

private:
    // As a part of the answer; once.
    void say(std::string& text, std::string& out);

    Face& client_;
    Frame frame_;
    Names names_;
};

}  // namespace sarai::gateway
