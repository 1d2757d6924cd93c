// Finished responses of the Responses API, kept for the requests that go on with them.
//
// Kept in memory alone: bounded in bytes, in number and in age, where every look makes a response young again; the one
// that was not looked at for longest goes first. No clock: times are arguments. Used on one strand.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.hpp"
#include "protocols/responses.hpp"

namespace sarai::gateway {

class ResponseStore {
public:
    using Time = std::chrono::steady_clock::time_point;
    struct Limits {
        Bytes bytes = MiB(32);
        std::size_t count = 4096;
        std::chrono::seconds age = std::chrono::hours(1);  // since it was last put or got
    };

    ResponseStore() = default;
    explicit ResponseStore(Limits limits) : limits_(limits) {}

    // In place of one with that id. What is larger than the whole store is not kept and displaces nothing.
    void put(std::string_view id, protocols::responses::Kept kept, Time now);
    // nullptr: not kept. What was got stays valid when the store drops it.
    [[nodiscard]] std::shared_ptr<const protocols::responses::Kept> get(std::string_view id, Time now);
    // False: it was not kept.
    bool erase(std::string_view id, Time now);

    [[nodiscard]] Bytes bytes() const { return bytes_; }  // never more than the limit
    [[nodiscard]] std::size_t count() const { return by_id_.size(); }

private:
    struct Entry {
        std::string id;
        std::shared_ptr<const protocols::responses::Kept> kept;
        Bytes charge;
        Time used;
    };
    using Entries = std::list<Entry>;  // the one that was used last is in front

    void drop_old(Time now);
    void drop(Entries::iterator entry);

    Limits limits_;
    Entries entries_;
    std::map<std::string, Entries::iterator, std::less<>> by_id_;
    Bytes bytes_;
};

}  // namespace sarai::gateway
