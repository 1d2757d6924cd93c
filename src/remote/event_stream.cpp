#include "remote/event_stream.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace sarai::remote {
namespace {

using net::asio::awaitable;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

// After the end marker the body's own end follows at once, nearly always in the same packet; to have seen it keeps the
// connection for the next request. Not worth a longer wait.
constexpr milliseconds time_to_end{50};

class RemoteStream final : public llm::EventStream {
public:
    RemoteStream(Link link, Opened opened, std::unique_ptr<Feed> feed)
        : link_(std::move(link)), body_(std::move(opened.body)), due_(opened.first_due), feed_(std::move(feed)) {}

    awaitable<Result<std::optional<llm::StreamEvent>>> next() override {
        while (given_ == events_.size()) {
            events_.clear();
            given_ = 0;
            if (failure_) {
                body_.reset();
                co_return std::unexpected(named(link_, std::move(*failure_)));
            }
            if (closed_) co_return std::nullopt;
            co_await read_more();
        }
        co_return std::move(events_[given_++]);
    }

    bool ready() const override {
        return given_ < events_.size() || (!failure_ && feed_->ended() && body_ && body_->complete());
    }

private:
    awaitable<void> read_more() {
        if (feed_->ended()) {
            body_->set_silence(time_to_end);
            (void)co_await body_->read_some();
            close();
            co_return;
        }
        const auto left = std::chrono::ceil<milliseconds>(due_ - steady_clock::now());
        body_->set_silence(std::max(left, milliseconds(1)));
        const auto bytes = co_await body_->read_some();
        if (!bytes) {
            failure_ = bytes.error().code == Code::timeout ? too_late() : bytes.error();
            co_return;
        }
        if (bytes->empty()) {
            if (auto ended = feed_->close(events_); !ended) failure_ = std::move(ended.error());
            close();
            co_return;
        }
        if (auto fed = feed_->feed(*bytes, events_); !fed) failure_ = std::move(fed.error());
        if (!events_.empty()) {
            begun_ = true;
            due_ = steady_clock::now() + link_.budgets.silence;
        } else if (!failure_ && steady_clock::now() >= due_ && !feed_->ended()) {
            failure_ = too_late();  // heartbeats only
        }
    }

    void close() {
        closed_ = true;
        body_.reset();
    }

    [[nodiscard]] Error too_late() const {
        const auto message =
            begun_ ? fmt::format("nothing came for {} ms in the middle of the answer", link_.budgets.silence.count())
                   : fmt::format("the answer did not begin within {} ms", link_.budgets.first_token.count());
        return {.code = Code::timeout, .message = message};
    }

    Link link_;
    std::unique_ptr<net::BodyStream> body_;
    steady_clock::time_point due_;  // of the next event
    std::unique_ptr<Feed> feed_;
    std::vector<llm::StreamEvent> events_;
    std::size_t given_ = 0;  // of events_, to the caller
    std::optional<Error> failure_;
    bool begun_ = false;
    bool closed_ = false;
};

}  // namespace

std::unique_ptr<llm::EventStream> make_event_stream(Link link, Opened opened, std::unique_ptr<Feed> feed) {
    return std::make_unique<RemoteStream>(std::move(link), std::move(opened), std::move(feed));
}

}  // namespace sarai::remote
