// Which blobs must stay although no manifest names them yet: those that are being written, or waiting for their
// manifest. Thread-safe; copies share their state.
#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace sarai::library {

// The blob stays as long as this lives.
using Hold = std::shared_ptr<const void>;

class Holds {
public:
    Holds();
    [[nodiscard]] Hold hold(std::string digest) const;
    [[nodiscard]] bool has(std::string_view digest) const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace sarai::library
