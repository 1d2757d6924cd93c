#include "streamed_chat.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace bench {

using sarai::Code;
using sarai::fail;
using sarai::Result;

namespace {

using Clock = std::chrono::steady_clock;

// Inside an event CR and LF are escaped, so this cannot be text.
constexpr std::string_view end_of_body = "\r\n0\r\n\r\n";
constexpr std::string_view content = R"("content":")";

// Counts the events with text up to `until`; `from` moves on to where the next search has to begin.
int count_texts(std::string_view reply, std::size_t& from) {
    int count = 0;
    for (;;) {
        const auto at = reply.find(content, from);
        if (at == std::string_view::npos || at + content.size() >= reply.size()) {
            // The key may be cut in two by the end of what has arrived.
            const auto kept = std::min(reply.size(), content.size());
            from = at == std::string_view::npos ? std::max(from, reply.size() - kept) : at;
            return count;
        }
        if (reply[at + content.size()] != '"') ++count;
        from = at + content.size();
    }
}

}  // namespace

StreamedChat::StreamedChat(std::string_view model, int tokens) : reply_(1U << 20U) {
    const auto body = fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":"Tell me a story."}}],)"
                                  R"("stream":true,"max_tokens":{},"temperature":0,"ignore_eos":true}})",
                                  model, tokens);
    request_ = fmt::format(
        "POST /v1/chat/completions HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nContent-Type: application/json\r\n"
        "Content-Length: {}\r\n\r\n{}",
        body.size(), body);
}

Result<Timing> StreamedChat::ask(const Address& address, std::optional<Connection>& connection) {
    const auto begun = Clock::now();
    Timing timing;
    if (!connection || !connection->still_open()) {
        auto opened = Connection::open(address);
        if (!opened) return std::unexpected(opened.error());
        connection = std::move(*opened);
        timing.connected = true;
    }
    if (auto sent = connection->send(request_); !sent) return std::unexpected(sent.error());
    std::size_t size = 0;
    std::size_t searched = 0;
    for (;;) {
        if (size == reply_.size()) return fail(Code::upstream, "the answer is larger than expected");
        const auto got = connection->receive({reply_.data() + size, reply_.size() - size});
        if (!got) return std::unexpected(got.error());
        const auto now = Clock::now();
        size += *got;
        const std::string_view reply(reply_.data(), size);
        if (size == *got && !reply.starts_with("HTTP/1.1 200"))
            return fail(Code::upstream, fmt::format("the server answered: {}", reply.substr(0, 400)));
        const auto texts = count_texts(reply, searched);
        if (timing.tokens == 0 && texts > 0) timing.first_token = now - begun;
        timing.tokens += texts;
        if (!reply.ends_with(end_of_body)) continue;
        timing.total = now - begun;
        if (timing.tokens == 0) return fail(Code::upstream, fmt::format("an answer without text: {}", reply));
        return timing;
    }
}

}  // namespace bench
