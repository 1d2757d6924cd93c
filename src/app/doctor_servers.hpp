// Servers elsewhere as `sarai doctor` sees them: reachable, how fast, of which version, and with what they are asked
// for.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <string>
#include <vector>

#include "app/doctor_machine.hpp"

namespace sarai::app {

// One server, and what models ask of it.
struct AskedServer {
    config::BackendKind kind = config::BackendKind::ollama_http;
    config::Endpoint endpoint;
    struct Use {
        std::string model;   // its name here
        std::string remote;  // and there
    };
    std::vector<Use> uses;
    std::string place;  // of its first use
};
[[nodiscard]] std::vector<AskedServer> servers_of(const cli::Written& written);

[[nodiscard]] boost::asio::awaitable<Checks> look_at_server(AskedServer server);

// A search engine: whether it finds something, as the web steps of pipelines ask it.
[[nodiscard]] boost::asio::awaitable<cli::Check> look_at_search(std::string url, std::string key, std::string place);

// A server whose answer to `target` does not matter, as long as there is one.
[[nodiscard]] boost::asio::awaitable<cli::Check> look_at_url(std::string name, std::string url, std::string bearer,
                                                             std::string target, std::string place);

}  // namespace sarai::app
