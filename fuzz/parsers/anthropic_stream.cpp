// The body of a streamed answer from a compatible server, for clients of Anthropic's protocol: their events are JSON,
// and come in the order that the API promises.
#include <string>

#include "net/framing.hpp"
#include "parsers.hpp"
#include "protocols/anthropic.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace json = boost::json;
using protocols::anthropic::EventEncoder;

// All events of an answer, one after the other; whether it ended by itself makes no difference.
std::string written(std::string_view stream) {
    std::string out;
    EventEncoder encoder("m");
    net::SseParser parser;
    protocols::openai::StreamDecoder decoder("m");
    if (!parser.feed(stream)) return out;
    while (!decoder.ended()) {
        auto unit = parser.next();
        if (!unit) break;
        const auto event = decoder.event(unit->name, std::move(unit->data));
        if (!event) {
            EventEncoder::error(event.error(), out);
            return out;
        }
        if (*event) encoder.chunk((*event)->chunk(), out);
    }
    encoder.finish(out);
    return out;
}

// The order of events, see protocols/anthropic.hpp.
class Order {
public:
    void event(const json::object& event) {
        const auto type = std::string(event.at("type").as_string());
        require(!ended_, "nothing comes after the end");
        if (type == "error") {
            ended_ = true;
        } else if (type == "message_start") {
            require(!std::exchange(begun_, true), "a message starts once");
        } else if (type == "content_block_start") {
            require(begun_ && !open_ && event.at("index").to_number<std::int64_t>() == next_, "blocks come in turn");
            open_ = true;
        } else if (type == "content_block_delta") {
            require(open_ && event.at("index").to_number<std::int64_t>() == next_, "a delta belongs to the open block");
        } else if (type == "content_block_stop") {
            require(open_ && event.at("index").to_number<std::int64_t>() == next_, "the open block is closed");
            open_ = false;
            ++next_;
        } else if (type == "message_delta") {
            require(begun_ && !open_, "all blocks are closed at the end");
        } else {
            require(type == "message_stop", "an event is one of those that exist");
            ended_ = true;
        }
    }
    [[nodiscard]] bool ended() const { return ended_; }

private:
    bool begun_ = false;
    bool open_ = false;
    bool ended_ = false;
    std::int64_t next_ = 0;
};

}  // namespace

void anthropic_stream(Input input) {
    const auto out = written(cut(input).bytes);
    net::SseParser parser;
    require(parser.feed(out).has_value(), "events for clients are short enough");
    Order order;
    while (const auto unit = parser.next()) {
        const auto event = require_json(unit->data, "an event for clients");
        require(unit->name == event.at("type").as_string(), "an event's name is its type");
        order.event(event.as_object());
    }
    require(order.ended() || out.empty(), "an answer ends");
}

}  // namespace sarai::fuzz
