// How single values are written: durations, addresses, URLs, model names. Pure.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sarai::config {

// "500ms", "2s", "5m", "1h", "1.5s" or a bare number of seconds; nothing for anything else, and for more than a year.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

struct Listen {
    std::string address;  // without brackets
    std::uint16_t port = 0;
    bool loopback = false;
};
// "127.0.0.1:11435", "[::1]:0", "localhost:11435"; numeric addresses only, for a name may mean any machine.
[[nodiscard]] std::optional<Listen> parse_listen(std::string_view text);

// The same with an IPv4 address and no name: "192.168.1.255:9".
[[nodiscard]] std::optional<Listen> parse_ipv4_address(std::string_view text);

// "aa:bb:cc:dd:ee:ff", also with "-" between.
using Mac = std::array<std::uint8_t, 6>;
[[nodiscard]] std::optional<Mac> parse_mac(std::string_view text);

// A name or an address, and a port other than 0: "lan-box:50052".
[[nodiscard]] bool is_host_and_port(std::string_view text);

struct Url {
    std::string text;  // as given, without a trailing slash
    std::string host;  // with brackets where it is an IPv6 address
    std::uint16_t port = 80;
};
// http(s)://host[:port][/base]; no user, query or fragment.
[[nodiscard]] std::optional<Url> parse_url(std::string_view text);
// A URL with what stands before its "@" hidden, for it may be a password.
[[nodiscard]] std::string without_user(std::string_view url);

// Letters, digits and . _ : / - (as Ollama and Hugging Face name models); at most 128; no leading "/" and no "..", for
// names become parts of paths and URLs.
[[nodiscard]] bool is_model_name(std::string_view name);

// "qwen2.5-omni" → "QWEN2_5_OMNI", as environment variables are named.
[[nodiscard]] std::string environment_word(std::string_view name);

}  // namespace sarai::config
