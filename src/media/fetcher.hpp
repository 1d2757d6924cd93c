// Fetches what a URL names on behalf of a client, within limits and past the guard (guard.hpp).
//
// Belongs to an io thread. Every hop of a redirect is checked like the first URL; every address that a name has must be
// allowed, or none of them is used; the connection goes to an address that was checked. No credentials are ever sent.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/error.hpp"
#include "base/ip_address.hpp"
#include "config/config.hpp"
#include "net/http_client.hpp"

namespace sarai::media {

namespace asio = boost::asio;
class AllowList;
class Deadline;

struct Fetched {
    std::string bytes;
    std::string content_type;  // as the server says, without parameters; may be empty
    std::string url;           // the last one
    int redirects = 0;
};

// What of the answers is wanted; of the rest the configuration decides.
struct FetchWish {
    std::vector<std::string> types = {};  // "image/", "text/html": beginnings; empty: any, and none said is always any
    Bytes max_bytes = {};                 // 0: the configuration's
};

class Fetcher {
public:
    // The addresses of a name. Why there are none is not told: what a resolver here knows is no client's business.
    using Resolve = std::function<asio::awaitable<Result<std::vector<IpAddress>>>(std::string host,
                                                                                  std::chrono::milliseconds budget)>;
    // `settings` outlives it and may change meanwhile. `resolve` empty: the system's resolver.
    explicit Fetcher(const config::Media& settings, Resolve resolve = {});

    // Errors, without a field: invalid_argument for what the client's URL leads to (refused by the guard, with the hop
    // and the address; not found; not of the wanted type; a server that does not answer in time), too_large,
    // unsupported where media.fetch is off, cancelled.
    [[nodiscard]] asio::awaitable<Result<Fetched>> fetch(std::string url, FetchWish wish) const;

private:
    struct Hop;
    [[nodiscard]] asio::awaitable<Result<std::vector<IpAddress>>> addresses_of(std::string host,
                                                                               std::chrono::milliseconds budget) const;
    [[nodiscard]] asio::awaitable<Result<Hop>> take(std::string url, const FetchWish& wish, const AllowList& allowed,
                                                    Deadline deadline) const;

    const config::Media& settings_;
    Resolve resolve_;
};

}  // namespace sarai::media
