#include "protocols/upstream_error.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

#include "protocols/json.hpp"

namespace sarai::protocols {
namespace {

// It goes into logs, messages and a header of whoever answers instead.
constexpr std::size_t longest_message = 400;

struct Said {
    std::string text;
    unsigned code = 0;     // a status inside the body
    bool is_page = false;  // of some proxy, for people
};

Said said_by(const json::value& value);

// "{\"error\":{…}}" inside a string: the error of the runner, passed on by the server
Said said_by_text(std::string_view text) {
    if (text.starts_with('{'))
        if (const auto inner = parse_json(text); inner && inner->is_object()) return said_by(*inner);
    return {.text = excerpt(text, longest_message)};
}

Said said_by(const json::value& value) {
    if (value.is_string()) return said_by_text(value.get_string());
    const auto* object = value.if_object();
    if (object == nullptr) return {.text = excerpt(value)};
    if (const auto* error = find(*object, "error"); error != nullptr) return said_by(*error);
    Said said;
    if (const auto code = integer_at(*object, "code"); code && *code >= 400 && *code <= 599)
        said.code = static_cast<unsigned>(*code);
    for (const auto* key : {"message", "detail", "error_description", "title"})
        if (const auto* text = find(*object, key); text != nullptr) {
            auto inner = said_by(*text);
            if (inner.code != 0) said.code = inner.code;
            said.text = std::move(inner.text);
            return said;
        }
    said.text = excerpt(value);
    return said;
}

Said said_by_body(std::string_view body) {
    if (const auto value = parse_json(body); value && (value->is_object() || value->is_string()))
        return said_by(*value);
    const auto start = body.find_first_not_of(" \t\r\n");
    if (start == std::string_view::npos) return {};
    body = body.substr(start, body.find_last_not_of(" \t\r\n") - start + 1);
    if (body.starts_with('<')) return {.is_page = true};
    return {.text = excerpt(body)};
}

// In the words of llama-server and Ollama's runner; of Ollama's embeddings; of OpenAI and vLLM, which have the same for
// an answer that was asked to be too long.
bool is_too_long(std::string_view text) {
    const bool of_the_answer = text.contains("max_tokens") || text.contains("max_completion_tokens");
    return text.contains("exceeds the available context size") || text.contains("exceeds the context length") ||
           text.contains("is too large to process") || (text.contains("maximum context length") && !of_the_answer);
}

// llama-server and Ollama answer 500 to requests that are wrong; the status alone would blame the server.
Code code_of_500(std::string_view text) {
    const auto says = [text](std::string_view words) { return text.contains(words); };
    if (says("is not supported") || says("does not support")) return Code::unsupported;
    if (says("must be of type") || says("ailed to load image") || says("ailed to decode image") ||
        says("ailed to parse"))
        return Code::invalid_argument;
    return Code::upstream;
}

Code code_of(unsigned status, std::string_view text) {
    const bool may_be_too_long = status == 400 || status == 413 || status == 422 || status == 500;
    if (may_be_too_long && is_too_long(text)) return Code::too_long;
    switch (status) {
        case 401:
        case 403: return Code::denied_upstream;
        case 404: return Code::not_found;
        case 408:
        case 504: return Code::timeout;
        case 413: return Code::too_large;
        case 429: return Code::rate_limited;
        case 500: return code_of_500(text);
        case 501: return Code::unsupported;
        case 502: return Code::unavailable;  // of a proxy: the server behind it is gone
        case 503: return text.contains("oading model") ? Code::loading : Code::busy;  // llama-server while it loads
        default: return status >= 400 && status < 500 ? Code::invalid_argument : Code::upstream;
    }
}

std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
    long seconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (ec != std::errc{} || end != text.data() + text.size() || seconds < 0) return std::nullopt;
    return std::chrono::seconds(seconds);
}

// llama-server's advice is for whoever starts it: "request (3025 tokens) exceeds the available context size (256
// tokens), try increasing it"; "input (3025 tokens) is too large to process. increase the physical batch size (current
// batch size: 2048)".
std::string without_advice(std::string text) {
    for (const std::string_view advice : {", try increasing it", ". increase the physical batch size"})
        if (const auto at = text.find(advice); at != std::string::npos) {
            const auto limit = text.find("(current batch size: ", at);
            const auto end = limit == std::string::npos ? limit : text.find(')', limit);
            const auto most = end == std::string::npos ? "" : text.substr(limit + 21, end - limit - 21);
            text.resize(at);
            if (!most.empty()) text += fmt::format(": it may have {} tokens", most);
        }
    return text;
}

Error make(unsigned status, Said said, std::string_view model) {
    Error error{.code = code_of(status, said.text)};
    if (error.code == Code::too_long) said.text = without_advice(std::move(said.text));
    switch (error.code) {
        case Code::not_found:
            error.field = "model";
            if (!said.text.contains("model")) {  // "404 page not found": of the path, not of the model
                error.message = fmt::format("nothing found when asked for the model '{}' (404{}{})", model,
                                            said.text.empty() ? "" : ": ", said.text);
                error.hint = "Check the endpoint's URL and kind.";
                return error;
            }
            error.hint = fmt::format("Make '{}' available on that server, or change the model's name.", model);
            break;
        case Code::denied_upstream:
            error.message =
                fmt::format("the server refused our key ({}{}{})", status, said.text.empty() ? "" : ": ", said.text);
            error.hint = "Check the endpoint's api_key.";
            return error;
        default: break;
    }
    error.message =
        said.text.empty() ? fmt::format("the server answered {} without a message", status) : std::move(said.text);
    return error;
}

}  // namespace

Error error_of(const ErrorReply& reply) {
    auto said = said_by_body(reply.body);
    if (said.is_page) said.text = fmt::format("{} with an HTML page instead of an error message", reply.status);
    auto error = make(reply.status, std::move(said), reply.model);
    if (const auto wait = seconds_of(reply.retry_after)) {
        error.retry_after = *wait;
        error.hint = fmt::format("The server asks to wait {} s.", wait->count());
    }
    return error;
}

Error error_of(const json::value& value, std::string_view model) {
    auto said = said_by(value);
    const auto status = said.code == 0 ? 500U : said.code;
    if (said.text.empty()) said.text = "the server ended its answer with an error that says nothing";
    return make(status, std::move(said), model);
}

}  // namespace sarai::protocols
