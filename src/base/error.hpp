// Failure as a value: what kind, what a person should read, what to do about it, and where it came from.
//
// Failure is ordinary in sarai (no capacity, a dead worker, a slow upstream). An Error keeps its kind on the whole way
// to the HTTP status line, the protocol's JSON envelope, the log and the exit status; exceptions mean bugs.
#pragma once

#include <chrono>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <system_error>

namespace sarai {

enum class Code : std::uint8_t {
    invalid_argument,  // the request or configuration is wrong; `field` names the culprit
    unauthorized,      // no or wrong key
    forbidden,         // known, but not allowed to
    not_found,         // no such model, path, file
    method_not_allowed,
    too_large,          // over a limit that was set on purpose
    too_long,           // more tokens than the model's context holds
    unsupported_media,  // a body in a coding that nobody here reads
    slow_request,       // the client did not send its request in time
    unsupported,        // understood, but this model or build cannot do it
    no_memory,          // does not fit the RAM budget
    busy,               // all slots or places in the queue are taken; later it may work
    loading,            // not ready yet
    unavailable,        // the worker or upstream cannot be reached or has died
    upstream,           // the upstream answered, with something that is no answer
    rate_limited,       // the upstream said 429
    denied_upstream,    // the upstream said 401/403: our key, not the client's
    timeout,            // a time budget ran out
    cancelled,          // the caller went away
    corrupt_file,       // a model file that cannot be read
    io,                 // the operating system said no
    internal,           // a bug
};

struct Error {
    Code code = Code::internal;
    std::string message;         // for a human, complete without the rest
    std::string hint = {};       // what to do about it; may be empty
    std::string field = {};      // the offending field or path, where there is one
    std::error_code cause = {};  // of the operating system or library
    // How long to wait before asking again (Retry-After): of an upstream that wants to be left alone, or for a place in
    // a queue. 0: nobody said.
    std::chrono::seconds retry_after = {};
    bool unsent = false;  // no connection: the server cannot have seen anything of the request
};

template <class T>
using Result = std::expected<T, Error>;

[[nodiscard]] std::unexpected<Error> fail(Code code, std::string message, std::string hint = {});
[[nodiscard]] std::unexpected<Error> fail(Code code, std::string message, std::error_code cause);
[[nodiscard]] std::unexpected<Error> fail_field(std::string field, std::string message);

// Name for logs, JSON and metrics: "no_memory".
[[nodiscard]] std::string_view name_of(Code code);

// What was asked is wrong as it stands, whoever is asked.
[[nodiscard]] constexpr bool is_requests_fault(Code code) {
    return code == Code::invalid_argument || code == Code::unsupported || code == Code::too_large ||
           code == Code::too_long;
}

// The HTTP status of a failure (RFC 9110); 499 for a client that left, as nginx logs it.
[[nodiscard]] int http_status(Code code);

// Exit status of a command: 0 is success, 1 failure, 2 wrong usage or configuration, 3 cannot reach the server,
// 4 does not fit into memory.
[[nodiscard]] int exit_status(Code code);

// What the system's last call failed of (errno).
[[nodiscard]] std::error_code last_error();

// "message (cause). hint"
[[nodiscard]] std::string describe(const Error& error);

}  // namespace sarai
