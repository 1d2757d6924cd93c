// What a worker of whisper.cpp hears in one piece of a recording: its segments, with their times in the whole.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/face.hpp"
#include "protocols/hearing.hpp"

namespace sarai::gateway {

class HearingFace final : public Face {
public:
    // The piece begins `begin` seconds into the recording. `stream`: the client gets the text as it comes; `first`:
    // nothing was said before.
    HearingFace(double begin, bool stream, bool first) : begin_(begin), stream_(stream), first_(first) {}

    [[nodiscard]] std::vector<protocols::hearing::Segment> take_segments() { return std::move(segments_); }
    [[nodiscard]] const std::string& language() const { return language_; }

    [[nodiscard]] std::string reply(const boost::json::object& /*reply*/) override {
        return {};
    }  // pieces are streamed
    [[nodiscard]] std::string_view stream_type() const override { return "text/event-stream"; }
    void event(const llm::StreamEvent& event, std::string& out) override;
    void end(std::string& /*out*/) override {}
    void heartbeat(std::string_view what, std::string& out) override;
    void stream_error(const Error& /*error*/, std::string& /*out*/) override {}  // whoever runs the pieces tells

private:
    double begin_;
    bool stream_;
    bool first_;
    std::vector<protocols::hearing::Segment> segments_;
    std::string language_;
};

}  // namespace sarai::gateway
