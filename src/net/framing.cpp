#include "net/framing.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace sarai::net {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

Result<void> LineSplitter::feed(std::string_view bytes) {
    if (start_ > 0) {  // also makes views from before invalid on purpose: their owner said so
        buffer_.erase(0, start_);
        searched_ -= start_;
        start_ = 0;
    }
    const auto ends = ends_ == Ends::any ? std::string_view("\r\n") : std::string_view("\n");
    if (buffer_.size() + bytes.size() > limit_ && bytes.find_first_of(ends) == std::string_view::npos)
        return fail(Code::upstream, fmt::format("the server sent a line of more than {} bytes", limit_));
    buffer_.append(bytes);
    return {};
}

std::optional<std::string_view> LineSplitter::next() {
    if (start_ < buffer_.size() && std::exchange(after_cr_, false) && buffer_[start_] == '\n')
        searched_ = std::max(searched_, ++start_);
    const std::string_view all(buffer_);
    auto end = all.find('\n', searched_);
    if (ends_ == Ends::any) end = std::min(end, all.substr(0, end).find('\r', searched_));
    if (end == std::string_view::npos) {
        searched_ = all.size();
        return std::nullopt;
    }
    auto line = all.substr(start_, end - start_);
    after_cr_ = all[end] == '\r';
    searched_ = start_ = end + 1;
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
}

std::string_view LineSplitter::rest() const { return std::string_view(buffer_).substr(start_); }

Result<void> SseParser::feed(std::string_view bytes) {
    if (pending_.data.size() > limit_)
        return fail(Code::upstream, fmt::format("the server sent an event of more than {} bytes", limit_));
    return lines_.feed(bytes);
}

std::optional<SseEvent> SseParser::next() {
    while (auto line = lines_.next()) {
        if (!std::exchange(begun_, true) && line->starts_with(byte_order_mark))
            line->remove_prefix(byte_order_mark.size());
        if (line->empty()) {
            SseEvent event = std::exchange(pending_, {});
            if (std::exchange(has_data_, false)) return event;
            continue;
        }
        const auto colon = line->find(':');
        if (colon == 0) continue;  // a comment: the server's heartbeat
        const auto field = line->substr(0, colon);
        auto value = colon == std::string_view::npos ? std::string_view{} : line->substr(colon + 1);
        if (value.starts_with(' ')) value.remove_prefix(1);
        if (field == "data") {
            if (has_data_) pending_.data += '\n';
            pending_.data += value;
            has_data_ = true;
        } else if (field == "event") {
            pending_.name = value;
        }
    }
    return std::nullopt;
}

}  // namespace sarai::net
