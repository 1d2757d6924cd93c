// Cuts a byte stream into the units of the two streaming formats: lines (NDJSON) and events (SSE, WHATWG HTML §9.2).
// Both are incremental, keep bytes until they form a whole unit (so a code point split across reads is never torn), and
// refuse a unit that grows over `limit`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai::net {

class LineSplitter {
public:
    // What ends a line: LF and CRLF, where a CR alone is white space, or also a CR alone.
    enum class Ends : std::uint8_t { lf, any };
    explicit LineSplitter(std::size_t limit = 16U << 20U, Ends ends = Ends::lf) : limit_(limit), ends_(ends) {}
    // Errors: Code::upstream when a line exceeds the limit.
    [[nodiscard]] Result<void> feed(std::string_view bytes);
    // The next whole line without its end; valid until the next feed().
    [[nodiscard]] std::optional<std::string_view> next();
    // What is left after the last line end.
    [[nodiscard]] std::string_view rest() const;

private:
    std::size_t limit_;
    Ends ends_;
    std::string buffer_;
    std::size_t start_ = 0;
    std::size_t searched_ = 0;  // up to here, from start_ on, no line ends
    bool after_cr_ = false;     // a LF that comes now belongs to it
};

struct SseEvent {
    std::string name;  // of the "event:" field; empty: message
    std::string data;  // "data:" lines joined by LF
};

class SseParser {
public:
    explicit SseParser(std::size_t limit = 16U << 20U) : lines_(limit, LineSplitter::Ends::any), limit_(limit) {}
    [[nodiscard]] Result<void> feed(std::string_view bytes);
    // The next event that has data; comments and other fields are passed over.
    [[nodiscard]] std::optional<SseEvent> next();

private:
    LineSplitter lines_;
    std::size_t limit_;  // of one event, as of one line
    SseEvent pending_;
    bool has_data_ = false;
    bool begun_ = false;  // a byte order mark may stand before the first line alone
};

}  // namespace sarai::net
