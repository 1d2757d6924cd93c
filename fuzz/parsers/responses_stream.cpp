// The body of a streamed answer from a compatible server, for clients of the Responses API: their events are JSON with
// consecutive numbers, begin with the response's creation and end once.
#include <boost/json/serialize.hpp>
#include <string>

#include "net/framing.hpp"
#include "parsers.hpp"
#include "protocols/openai.hpp"
#include "protocols/responses.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace json = boost::json;
namespace responses = protocols::responses;

// All events of an answer, one after the other.
std::string written(std::string_view stream) {
    const responses::Context context{.id = "resp_1", .created_at = 1, .model = "m"};
    std::string out;
    responses::StreamEncoder encoder(context);
    net::SseParser parser;
    protocols::openai::StreamDecoder decoder("m");
    require(parser.feed(stream).has_value(), "a stream is short enough");
    while (!decoder.ended()) {
        auto unit = parser.next();
        if (!unit) break;
        const auto event = decoder.event(unit->name, std::move(unit->data));
        if (!event) {
            encoder.fail(event.error(), out);
            return out;
        }
        if (*event) encoder.chunk((*event)->chunk(), out);
    }
    require_json(json::serialize(encoder.finish(2, out)), "a response");
    return out;
}

}  // namespace

void responses_stream(Input input) {
    const auto out = written(cut(input).bytes);
    net::SseParser parser;
    require(parser.feed(out).has_value(), "events for clients are short enough");
    std::int64_t number = 0;
    std::string last;
    while (const auto unit = parser.next()) {
        const auto event = require_json(unit->data, "an event for clients");
        require(unit->name == event.at("type").as_string(), "an event's name is its type");
        require(event.at("sequence_number").to_number<std::int64_t>() == number++, "events are numbered");
        require(number > 1 || unit->name == "response.created" || unit->name == "error", "a response begins");
        require(last != "response.completed" && last != "response.incomplete" && last != "response.failed",
                "nothing comes after the end");
        last = unit->name;
    }
    require(last == "response.completed" || last == "response.incomplete" || last == "response.failed",
            "a response ends");
}

}  // namespace sarai::fuzz
