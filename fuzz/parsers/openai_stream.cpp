// The body of a streamed answer from a compatible server, cut anywhere: events do not depend on the cuts, the mould
// that spares parsing changes nothing, and what is made of an event for clients of either protocol is JSON.
#include <boost/json/serialize.hpp>
#include <span>
#include <string>
#include <vector>

#include "llm/transcript.hpp"
#include "net/framing.hpp"
#include "parsers.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

namespace json = boost::json;
namespace openai = protocols::openai;
constexpr std::string_view model = "m";

struct Answer {
    std::vector<llm::StreamEvent> events;
    std::string seen;  // all that there is to tell answers apart
};

// An event that was taken for one of the mould's must mean the same when it is parsed.
void check_mould(const llm::StreamEvent& event) {
    const auto& chunk = event.chunk();
    require(chunk.at("choices").as_array().size() == 1, "a chunk of the mould has one choice");
    require(!llm::text_of(event).empty(), "a chunk of the mould has text");
    require(llm::finish_reason_of(event).empty(), "a chunk of the mould ends nothing");
    require(!llm::usage_of(chunk).has_value(), "a chunk of the mould has no usage");
    openai::StreamDecoder fresh{std::string(model)};
    const auto parsed = fresh.event("", event.text());
    require(parsed && *parsed && (*parsed)->chunk() == chunk, "a chunk of the mould is what parsing makes of it");
}

// As remote/openai_backend.cpp does it.
Answer read(std::span<const std::string_view> pieces) {
    Answer answer;
    net::SseParser parser;
    openai::StreamDecoder decoder{std::string(model)};
    const auto drain = [&]() -> Result<void> {
        while (!decoder.ended()) {
            auto unit = parser.next();
            if (!unit) break;
            auto event = decoder.event(unit->name, std::move(unit->data));
            if (!event) return std::unexpected(event.error());
            if (*event) answer.events.push_back(std::move(**event));
        }
        return {};
    };
    Result<void> ended;
    for (const auto piece : pieces) {
        ended = parser.feed(piece);
        if (ended) ended = drain();
        if (!ended) break;
    }
    if (ended) ended = parser.feed("\n\n");
    if (ended) ended = drain();
    if (ended) ended = decoder.close();
    if (!ended) require_plain(ended.error(), "the failure of a stream");
    for (const auto& event : answer.events) answer.seen += json::serialize(event.chunk()) + "\n";
    answer.seen += ended ? "end" : std::string(name_of(ended.error().code)) + ": " + ended.error().message;
    return answer;
}

void check_for_clients(const Answer& answer) {
    using namespace protocols::ollama;
    for (const auto call : {Call::chat, Call::generate}) {
        LineEncoder lines(call, std::string(model));
        std::string out;
        for (const auto& event : answer.events) lines.chunk(event.chunk(), {}, out);
        lines.finish({}, {}, out);
        net::LineSplitter splitter;
        require(splitter.feed(out).has_value() && out.ends_with('\n'), "lines end");
        while (const auto line = splitter.next()) require_json(*line, "a line for clients of Ollama's protocol");
    }
    for (const auto& event : answer.events) {
        std::string out;
        openai::append_event(out, event);
        net::SseParser parser;
        require(parser.feed(out).has_value(), "an event for clients is short enough");
        const auto unit = parser.next();
        require(unit && !parser.next(), "an event for clients is one event");
        require(same(require_json(unit->data, "an event for clients"), json::value(event.chunk())),
                "an event reaches clients as it came");
        require_json(json::serialize(openai::as_chat(event).chunk()), "an event as one of a chat");
        if (event.is_only_text()) check_mould(event);
        (void)llm::has_output(event);
        (void)llm::rates_of(event.chunk());
    }
}

void check_transcript(const Answer& answer) {
    const llm::Request request{.task = llm::Task::chat, .model = std::string(model), .stream = true, .body = {}};
    llm::Transcript transcript(request);
    for (const auto& event : answer.events) transcript.add(event);
    const auto partial = transcript.partial();
    if (!partial) return require_plain(partial.error(), "why an answer cannot be continued");
    std::string joined;
    for (const auto piece : partial->pieces()) joined += piece;
    require(joined == partial->text, "the pieces of an answer are the answer");
    require_utf8(partial->text, "the text of an answer");
    const auto next = llm::with_prefill(request, *partial, static_cast<std::int64_t>(partial->ends.size()));
    require_json(openai::encode_request(next, true, "up"), "the request for what is missing");
    for (const auto& event : answer.events)
        if (const auto continued = transcript.continued(event, 3))
            require_json(json::serialize(continued->chunk()), "an event of the one that goes on");
    require_json(json::serialize(transcript.end_at_limit(1, 2).chunk()), "the end of an answer");
}

}  // namespace

void openai_stream(Input input) {
    const auto stream = cut(input);
    const auto answer = read(stream.pieces);
    require(read(whole(stream)).seen == answer.seen, "an answer does not depend on where its stream is cut");
    require(read(bytewise(stream)).seen == answer.seen, "an answer is the same byte by byte");
    check_for_clients(answer);
    check_transcript(answer);
}

}  // namespace sarai::fuzz
