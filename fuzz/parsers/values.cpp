// Small texts with a grammar of their own: sizes, durations, addresses, URLs, names. What is accepted lies within its
// limits, and what is printed is fit to be printed.
#include "config/values.hpp"

#include "base/bytes.hpp"
#include "base/nearest.hpp"
#include "base/utf8.hpp"
#include "config/problem.hpp"
#include "net/http_client.hpp"
#include "net/url.hpp"
#include "parsers.hpp"
#include "protocols/go_json.hpp"
#include "protocols/json.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

using namespace std::chrono_literals;

void check_amounts(std::string_view text) {
    if (const auto bytes = parse_bytes(text))
        require(bytes->count >= 0 && !to_string(*bytes).empty(), "a size is no deficit");
    else
        require_plain(bytes.error(), "the refusal of a size");
    if (const auto duration = config::parse_duration(text))
        require(*duration >= 0ms && *duration <= 366 * 24h, "a duration is at most a year");
    if (const auto duration = protocols::go::parse_duration(text); !duration)
        require_plain(duration.error(), "the refusal of a duration");
}

void check_addresses(std::string_view text) {
    if (const auto listen = config::parse_listen(text))
        require(!listen->address.empty() && !listen->address.contains('['), "an address to listen on is bare");
    if (const auto address = config::parse_ipv4_address(text)) require(address->port != 0, "an address has a port");
    if (const auto mac = config::parse_mac(text)) require(text.size() == 17, "a MAC has one form");
    const auto origin = net::Origin::parse(text);
    if (!origin) require_plain(origin.error(), "the refusal of a server's address");
    if (const auto url = config::parse_url(text)) {
        require(!url->host.empty() && url->port != 0, "a URL names a host and a port");
        require(net::Origin::parse(url->text).has_value(), "the client understands a URL that was configured");
    }
    const auto parsed = net::parse_url(text);
    if (parsed)
        require(parsed->target.starts_with('/') && parsed->target.find_first_of(" \r\n") == std::string::npos,
                "a target is fit for a request line");
    else
        require_plain(parsed.error(), "the refusal of a URL");
    if (const auto resolved = net::resolve_url("http://h/a/b?c", text); !resolved)
        require_plain(resolved.error(), "the refusal of a redirect");
    const auto escaped = net::parse_url("http://h/" + net::escape_path(text));
    require(escaped && escaped->origin.host == "h", "a name that was escaped stays a path");
    require(!config::without_user(text).empty() || text.empty(), "a URL without its user is still one");
    (void)config::is_host_and_port(text);
}

void check_texts(std::string_view text) {
    if (config::is_model_name(text)) require_utf8(text, "a model's name");
    require(config::environment_word(text).size() == text.size(), "a variable's name is as long");
    require_utf8(config::printable(text), "what is fit to be printed");
    require_utf8(config::in_quotes(text), "what is fit to be printed");
    require_utf8(protocols::excerpt(text, 20), "an excerpt");
    require(valid_utf8(valid_utf8(text)) == valid_utf8(text), "UTF-8 stays as it is");
    constexpr std::array<std::string_view, 3> known = {"context_length", "ctx", "max_ram"};
    if (const auto guess = nearest(text, known)) require(!guess->empty(), "a guess is a word");
}

}  // namespace

void values(Input input) {
    const auto text = input.rest();
    check_amounts(text);
    check_addresses(text);
    check_texts(text);
}

}  // namespace sarai::fuzz
