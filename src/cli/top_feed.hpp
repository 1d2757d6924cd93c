// What `sarai top` asks of a server, on a thread of its own: its state again and again, and what somebody wants.
//
// Owned by whoever shows it. The callbacks run on the owner's thread, within deliver() and nowhere else.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/error.hpp"
#include "net/http_client.hpp"

namespace sarai::cli {

struct TopSample {
    std::chrono::steady_clock::time_point at;
    boost::json::object status;
    std::string metrics;     // empty where the server gave none
    boost::json::array log;  // its last lines
};

class TopFeed {
public:
    using Hear = std::function<void(Result<TopSample>)>;
    using Told = std::function<void(Result<boost::json::object>)>;

    TopFeed(net::Origin origin, std::chrono::milliseconds interval, Hear hear);
    // Gives up what is being asked.
    ~TopFeed();
    TopFeed(const TopFeed&) = delete;
    TopFeed& operator=(const TopFeed&) = delete;

    // While it pauses nothing new is asked, but answers still come.
    void pause(bool on);
    // May take as long as a model takes to load.
    void ask(net::ClientRequest request, Told told);
    // Hands out what has come since the last call. Was there anything?
    bool deliver();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace sarai::cli
