// `sarai demo`: three kinds of model on files that need no download, with a LAN box of its own, without any
// configuration.
#pragma once

#include <cstdint>
#include <string>

namespace sarai::app {

struct DemoOptions {
    std::uint16_t port = 11435;       // of the main server
    std::uint16_t lan_port = 11436;   // of the second process, which plays the Ollama server
    std::string called_as = "sarai";  // what to type to call this program
};

// Makes the models (once, in the cache folder), starts the LAN box as a child, and runs the main server until Ctrl-C.
[[nodiscard]] int run_demo(const DemoOptions& options);

}  // namespace sarai::app
