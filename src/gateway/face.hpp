// How one request's answer looks in its client's protocol. One Face per request, made by the endpoint that took it;
// what runs the request (gateway/answer.hpp) knows no protocol.
#pragma once

#include <boost/json/object.hpp>
#include <chrono>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "llm/types.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

class Face {
public:
    virtual ~Face() = default;
    // How long the request waited for its turn and for a load, once a backend has taken it.
    virtual void waited(std::chrono::nanoseconds /*duration*/) {}
    // A whole answer, from the neutral reply.
    [[nodiscard]] virtual std::string reply(const boost::json::object& reply) = 0;
    // The media type of a stream, and its parts; each appends to `out`.
    [[nodiscard]] virtual std::string_view stream_type() const = 0;
    virtual void event(const llm::StreamEvent& event, std::string& out) = 0;
    virtual void end(std::string& out) = 0;
    // A sign of life before or between the events, that a client of the protocol passes over.
    virtual void heartbeat(std::string_view what, std::string& out) = 0;
    virtual void stream_error(const Error& error, std::string& out) = 0;
};

// The protocol whose error envelope a path's clients expect.
enum class Protocol : std::uint8_t { openai, ollama, anthropic };
[[nodiscard]] Protocol protocol_of(std::string_view path);
[[nodiscard]] net::Reply error_reply(Protocol protocol, const Error& error);

}  // namespace sarai::gateway
