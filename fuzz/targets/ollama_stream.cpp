// The body of a streamed answer from an Ollama server, cut anywhere: events do not depend on the cuts, and what clients
// get of them is JSON.
//
// options: -dict=fuzz/dictionaries/ollama.dict -max_len=8192
#include <boost/json/serialize.hpp>
#include <span>
#include <string>
#include <vector>

#include "net/framing.hpp"
#include "protocols/ollama.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"
#include "support/input.hpp"
#include "support/target.hpp"

namespace sarai::fuzz {
namespace {

namespace json = boost::json;
namespace ollama = protocols::ollama;

struct Answer {
    std::vector<llm::StreamEvent> events;
    std::string seen;  // all that there is to tell answers apart
};

ollama::ReplyContext context_for(llm::Task task, bool include_usage) {
    return {.task = task, .id = "chatcmpl-1", .model = "m", .created = 1, .include_usage = include_usage};
}

// As remote/ollama_backend.cpp does it.
Answer read(std::span<const std::string_view> pieces, const ollama::ReplyContext& context) {
    Answer answer;
    net::LineSplitter lines;
    ollama::StreamDecoder decoder(context);
    Result<void> ended;
    for (const auto piece : pieces) {
        ended = lines.feed(piece);
        if (!ended) break;
        for (auto line = lines.next(); line && ended; line = lines.next()) ended = decoder.line(*line, answer.events);
        if (!ended) break;
    }
    if (ended) ended = decoder.line(lines.rest(), answer.events);
    if (ended) ended = decoder.close();
    if (!ended) require_plain(ended.error(), "the failure of a stream");
    for (const auto& event : answer.events) answer.seen += json::serialize(event.chunk()) + "\n";
    answer.seen += ended ? "end" : std::string(name_of(ended.error().code)) + ": " + ended.error().message;
    return answer;
}

void check_for_clients(const Answer& answer, ollama::Call call) {
    std::string out;
    ollama::LineEncoder encoder(call, "m");
    for (const auto& event : answer.events) {
        encoder.chunk(event.chunk(), {}, out);
        std::string sent;
        protocols::openai::append_event(sent, event);
        net::SseParser parser;
        require(parser.feed(sent).has_value(), "an event for clients is short enough");
        const auto unit = parser.next();
        require(unit && !parser.next(), "an event for clients is one event");
        require_json(unit->data, "an event for clients");
        (void)llm::has_output(event);
        (void)llm::usage_of(event.chunk());
        (void)llm::rates_of(event.chunk());
    }
    encoder.finish({}, {}, out);
    net::LineSplitter lines;
    require(lines.feed(out).has_value() && out.ends_with('\n'), "lines end");
    while (const auto line = lines.next()) require_json(*line, "a line for clients of Ollama's protocol");
}

void check(const Stream& stream, const ollama::ReplyContext& context, ollama::Call call) {
    const auto answer = read(stream.pieces, context);
    require(read(whole(stream), context).seen == answer.seen, "an answer does not depend on where its stream is cut");
    require(read(bytewise(stream), context).seen == answer.seen, "an answer is the same byte by byte");
    check_for_clients(answer, call);
}

}  // namespace
}  // namespace sarai::fuzz

FUZZ_TARGET(ollama_stream) {
    using namespace sarai;
    using sarai::protocols::ollama::Call;
    const auto stream = fuzz::cut(fuzz::Input(data, size));
    fuzz::check(stream, fuzz::context_for(llm::Task::chat, true), Call::chat);
    fuzz::check(stream, fuzz::context_for(llm::Task::completion, false), Call::generate);
    return 0;
}
