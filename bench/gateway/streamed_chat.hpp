// One streamed chat request, timed. The answer is looked at no closer than its figures need.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "connection.hpp"

namespace bench {

struct Timing {
    std::chrono::nanoseconds first_token{};  // from before the request's first byte to the first event with text
    std::chrono::nanoseconds total{};        // to the end of the body
    int tokens = 0;                          // events with text
    bool connected = false;                  // a new connection was needed
};

class StreamedChat {
public:
    // Exactly `tokens` tokens: the engine is told to pass over its end-of-text token.
    StreamedChat(std::string_view model, int tokens);

    // Asks on `connection` if the server still keeps it, else on a new one, which is left there; the time that
    // connecting takes counts. Errors: of the connection, upstream for another status than 200 or an answer without
    // text.
    [[nodiscard]] sarai::Result<Timing> ask(const Address& address, std::optional<Connection>& connection);

private:
    std::string request_;
    std::vector<char> reply_;
};

}  // namespace bench
