#include "base/error.hpp"

#include <cerrno>
#include <utility>

namespace sarai {

std::unexpected<Error> fail(Code code, std::string message, std::string hint) {
    return std::unexpected(Error{.code = code, .message = std::move(message), .hint = std::move(hint)});
}

std::unexpected<Error> fail(Code code, std::string message, std::error_code cause) {
    return std::unexpected(Error{.code = code, .message = std::move(message), .cause = cause});
}

std::unexpected<Error> fail_field(std::string field, std::string message) {
    return std::unexpected(
        Error{.code = Code::invalid_argument, .message = std::move(message), .field = std::move(field)});
}

std::string_view name_of(Code code) {
    switch (code) {
        case Code::invalid_argument: return "invalid_argument";
        case Code::unauthorized: return "unauthorized";
        case Code::forbidden: return "forbidden";
        case Code::not_found: return "not_found";
        case Code::method_not_allowed: return "method_not_allowed";
        case Code::too_large: return "too_large";
        case Code::too_long: return "too_long";
        case Code::unsupported_media: return "unsupported_media";
        case Code::slow_request: return "slow_request";
        case Code::unsupported: return "unsupported";
        case Code::no_memory: return "no_memory";
        case Code::busy: return "busy";
        case Code::loading: return "loading";
        case Code::unavailable: return "unavailable";
        case Code::upstream: return "upstream";
        case Code::rate_limited: return "rate_limited";
        case Code::denied_upstream: return "denied_upstream";
        case Code::timeout: return "timeout";
        case Code::cancelled: return "cancelled";
        case Code::corrupt_file: return "corrupt_file";
        case Code::io: return "io";
        case Code::internal: return "internal";
    }
    return "internal";
}

int http_status(Code code) {
    switch (code) {
        case Code::invalid_argument:
        case Code::too_long:
        case Code::unsupported: return 400;
        case Code::unauthorized: return 401;
        case Code::forbidden: return 403;
        case Code::not_found: return 404;
        case Code::method_not_allowed: return 405;
        case Code::slow_request: return 408;
        case Code::too_large: return 413;
        case Code::unsupported_media: return 415;
        case Code::rate_limited: return 429;
        case Code::cancelled: return 499;
        case Code::io:
        case Code::internal: return 500;
        case Code::upstream:
        case Code::denied_upstream: return 502;
        case Code::no_memory:
        case Code::busy:
        case Code::loading:
        case Code::unavailable:
        case Code::corrupt_file: return 503;
        case Code::timeout: return 504;
    }
    return 500;
}

int exit_status(Code code) {
    switch (code) {
        case Code::invalid_argument:
        case Code::too_long:
        case Code::unsupported: return 2;
        case Code::unavailable:
        case Code::timeout: return 3;
        case Code::no_memory: return 4;
        default: return 1;
    }
}

std::string describe(const Error& error) {
    std::string text = error.message;
    if (error.cause) text += " (" + error.cause.message() + ")";
    if (!error.hint.empty()) {
        if (!text.ends_with('.')) text += '.';
        text += " " + error.hint;
    }
    return text;
}

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace sarai
