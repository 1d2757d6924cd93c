// What a server says when it fails. The first line is the status, the second the value of Retry-After, then comes the
// body. Whatever it is, clients get a message, and no more of it than is fit to be shown.
#include "protocols/upstream_error.hpp"

#include <boost/json/serialize.hpp>
#include <charconv>

#include "parsers.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama_server.hpp"
#include "protocols/openai.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

constexpr std::size_t most_said = 2048;  // bytes; cut at 400, each of which may become a U+FFFD of three

void check(const Error& error) {
    require_plain(error, "a server's failure");
    require(error.message.size() < most_said, "a server's message is cut");
    require(error.retry_after.count() >= 0, "nobody is asked to wait until yesterday");
    require_json(boost::json::serialize(protocols::openai::encode_error(error)), "an error envelope");
    std::string line;
    protocols::ollama::LineEncoder::error(error, line);
    require_json(line, "an error in a stream");
}

}  // namespace

void upstream_error(Input input) {
    const auto status_line = input.line();
    unsigned status = 0;
    std::from_chars(status_line.data(), status_line.data() + status_line.size(), status);
    const auto retry_after = input.line();
    check(protocols::error_of({.status = status, .body = input.rest(), .model = "m", .retry_after = retry_after}));
    if (const auto value = protocols::parse_json(input.rest())) check(protocols::error_of(*value, "m"));
}

}  // namespace sarai::fuzz
