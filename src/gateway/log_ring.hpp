// The log's last lines, kept in memory for those that look at a running server.
//
// A sink of spdlog's: lines may come from any thread. They hold what the log holds, so no prompt and no key.
#pragma once

#include <spdlog/sinks/base_sink.h>

#include <boost/json/object.hpp>
#include <chrono>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

namespace sarai::gateway {

struct LogLine {
    std::uint64_t id;  // counts up from 1
    std::chrono::system_clock::time_point at;
    std::string level;  // info, warning, error, …
    std::string text;
};

class LogRing final : public spdlog::sinks::base_sink<std::mutex> {
public:
    explicit LogRing(std::size_t size) : size_(size) {}

    // Names this ring among those of all servers that have been here: an id counts lines of one of them.
    [[nodiscard]] const std::string& run() const { return run_; }

    // The lines that came after that one, at most `last` of them, the latest last.
    [[nodiscard]] std::vector<LogLine> after(std::uint64_t id, std::size_t last);
    // No more lines for those that follow: the server ends.
    void close();
    [[nodiscard]] bool closed();

private:
    void sink_it_(const spdlog::details::log_msg& message) override;
    void flush_() override {}

    std::size_t size_;
    std::string run_ =
        std::to_string(std::chrono::system_clock::now().time_since_epoch() / std::chrono::microseconds(1));
    std::uint64_t last_id_ = 0;
    bool closed_ = false;
    std::deque<LogLine> lines_;
};

// {id, at, level, text}
[[nodiscard]] boost::json::object log_line_json(const LogLine& line);

}  // namespace sarai::gateway
