#include "gateway/log_ring.hpp"

#include <fmt/chrono.h>

#include "base/utf8.hpp"

namespace sarai::gateway {

std::vector<LogLine> LogRing::after(std::uint64_t id, std::size_t last) {
    const std::lock_guard lock(mutex_);
    std::size_t fresh = 0;
    while (fresh < lines_.size() && fresh < last && lines_[lines_.size() - 1 - fresh].id > id) ++fresh;
    return {lines_.end() - static_cast<std::ptrdiff_t>(fresh), lines_.end()};
}

void LogRing::close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
}

bool LogRing::closed() {
    const std::lock_guard lock(mutex_);
    return closed_;
}

void LogRing::sink_it_(const spdlog::details::log_msg& message) {
    if (lines_.size() == size_) lines_.pop_front();
    const auto level = spdlog::level::to_string_view(message.level);
    lines_.push_back({.id = ++last_id_,
                      .at = message.time,
                      .level = std::string(level.data(), level.size()),
                      .text = std::string(message.payload.data(), message.payload.size())});
}

boost::json::object log_line_json(const LogLine& line) {
    return {{"id", line.id},
            {"at", fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::milliseconds>(line.at))},
            {"level", line.level},
            {"text", valid_utf8(line.text)}};
}

}  // namespace sarai::gateway
