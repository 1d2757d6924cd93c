#include "net/url.hpp"

#include <fmt/format.h>

#include <boost/url/encode.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/rfc/pchars.hpp>
#include <boost/url/url.hpp>

#include "base/utf8.hpp"

namespace sarai::net {
namespace {

namespace urls = boost::urls;

std::unexpected<Error> refuse(std::string_view text, std::string_view why) {
    return fail(
        Code::invalid_argument,
        fmt::format("\"{}\" is no URL: {}; expected http://host[:port]/path or https://…", valid_utf8(text), why));
}

}  // namespace

Result<Url> parse_url(std::string_view text) {
    const auto parsed = urls::parse_uri(text);
    if (!parsed) return refuse(text, "it cannot be read");
    if (parsed->scheme() != "http" && parsed->scheme() != "https")
        return refuse(text, "the scheme is neither http nor https");
    if (parsed->has_userinfo()) return refuse(text, "a user does not belong in it");
    auto origin = Origin::parse(
        fmt::format("{}://{}", std::string_view(parsed->scheme()), std::string_view(parsed->encoded_authority())));
    if (!origin) return std::unexpected(origin.error());
    Url url{.origin = std::move(*origin), .target = std::string(parsed->encoded_path())};
    if (url.target.empty()) url.target = "/";
    if (parsed->has_query()) url.target.append("?").append(parsed->encoded_query());
    return url;
}

Result<std::string> resolve_url(std::string_view base, std::string_view location) {
    const auto from = urls::parse_uri(base);
    if (!from) return refuse(base, "it cannot be read");
    const auto to = urls::parse_uri_reference(location);
    if (!to) return refuse(location, "it cannot be read");
    urls::url result;
    if (const auto resolved = urls::resolve(*from, *to, result); !resolved) return refuse(location, "it leads nowhere");
    return std::string(result.buffer());
}

std::string escape_path(std::string_view path) {
    static constexpr auto plain = urls::pchars + '/';
    return urls::encode(path, plain);
}

}  // namespace sarai::net
