// What a server's status says, as values that `sarai top` shows. Pure.
#pragma once

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/table.hpp"
#include "cli/top_rates.hpp"

namespace sarai::cli {

struct TopModel {
    std::string name;
    std::string backend;
    std::string state;         // with what there is to say beside it: "loading 42%"
    std::string endpoint;      // the first, and how many more: "lan-box:11434 +1"
    bool local = false;        // takes memory here when it is loaded
    bool drain_asked = false;  // it goes at somebody's wish, who may take that back
    std::int64_t planned = 0;
    std::int64_t measured = 0;
    std::int64_t peak = 0;
    std::optional<std::int64_t> in_flight;  // nothing for a remote one: its endpoints tell
    std::int64_t waiting = 0;
    TopHistory::ModelRate rate;

    [[nodiscard]] bool loaded() const { return measured > 0 || planned > 0; }
};

struct TopEndpoint {
    std::string name;
    bool up = false;
    std::string breaker;
    std::int64_t in_flight = 0;
    std::int64_t capacity = 0;  // 0: no limit
    std::optional<double> round_trip_ms;
    std::string distance;  // lan, wan or ""
    std::string last_error;
};

struct TopView {
    std::string version;
    std::int64_t uptime_s = 0;
    std::int64_t budget = 0;
    std::int64_t reserved = 0;
    std::int64_t used = 0;
    std::int64_t peak = 0;
    std::int64_t available = 0;  // of the machine
    std::vector<Share> shares;   // sarai itself, then the models in their order, those that take nothing included
    std::vector<TopModel> models;
    std::vector<TopEndpoint> endpoints;
    std::string trouble;  // why no model is loaded for now

    [[nodiscard]] std::int64_t free() const { return budget - reserved; }
};

// Of the reply of GET /sarai/status. What is missing or of the wrong type is empty or 0.
[[nodiscard]] TopView view_of(const boost::json::object& status, const TopHistory& history);

// Of the lines of GET /sarai/logs: "12:03:11 warning model 'omni' is unloaded: …".
[[nodiscard]] std::vector<std::string> log_lines(const boost::json::array& lines);

}  // namespace sarai::cli
