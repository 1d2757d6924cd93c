#include "gateway/face.hpp"

#include <boost/json/serialize.hpp>

#include "base/utf8.hpp"
#include "protocols/anthropic.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"

namespace sarai::gateway {

Protocol protocol_of(std::string_view path) {
    if (path.starts_with("/api/")) return Protocol::ollama;
    return path == "/v1/messages" || path.starts_with("/v1/messages/") ? Protocol::anthropic : Protocol::openai;
}

namespace {

boost::json::object encode(Protocol protocol, const Error& error) {
    switch (protocol) {
        case Protocol::ollama: return protocols::ollama::encode_error(error);
        case Protocol::anthropic: return protocols::anthropic::encode_error(error);
        case Protocol::openai: break;
    }
    return protocols::openai::encode_error(error);
}

}  // namespace

net::Reply error_reply(Protocol protocol, const Error& original) {
    // Messages quote what clients and upstreams said, perhaps cut in the middle of a character.
    auto error = original;
    error.message = valid_utf8(error.message);
    error.hint = valid_utf8(error.hint);
    error.field = valid_utf8(error.field);
    net::Reply reply{.status = http_status(error.code), .body = boost::json::serialize(encode(protocol, error))};
    if (error.retry_after.count() > 0)
        reply.headers.emplace_back("Retry-After", std::to_string(error.retry_after.count()));
    return reply;
}

}  // namespace sarai::gateway
