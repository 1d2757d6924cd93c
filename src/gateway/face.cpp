#include "gateway/face.hpp"

#include <boost/json/serialize.hpp>

#include "base/utf8.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"

namespace sarai::gateway {

Protocol protocol_of(std::string_view path) { return path.starts_with("/api/") ? Protocol::ollama : Protocol::openai; }

net::Reply error_reply(Protocol protocol, const Error& original) {
    // Messages quote what clients and upstreams said, perhaps cut in the middle of a character.
    auto error = original;
    error.message = valid_utf8(error.message);
    error.hint = valid_utf8(error.hint);
    error.field = valid_utf8(error.field);
    const auto body =
        protocol == Protocol::ollama ? protocols::ollama::encode_error(error) : protocols::openai::encode_error(error);
    net::Reply reply{.status = http_status(error.code), .body = boost::json::serialize(body)};
    if (error.retry_after.count() > 0)
        reply.headers.emplace_back("Retry-After", std::to_string(error.retry_after.count()));
    return reply;
}

}  // namespace sarai::gateway
