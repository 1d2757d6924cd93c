// A conversation with one model over /v1/chat/completions, streamed.
//
// A Conversation owns its connection and lives on the io_context that it was given, one turn at a time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "net/http_client.hpp"

namespace sarai::cli {

struct Message {
    std::string role;  // "user" or "assistant"
    std::string text;
};

// The body of the request for the next answer.
[[nodiscard]] std::string chat_request(std::string_view model, const std::vector<Message>& messages);

// What /sarai/status says of a model that has not answered yet: "loading solar: 40 %".
[[nodiscard]] std::string loading_text(std::string_view status, std::string_view model);

// Pieces of an answer in their order. `thought` is what a reasoning model thinks before it answers.
struct ChatSink {
    std::function<void(std::string_view text)> answer;
    std::function<void(std::string_view text)> thought;
    // What the server is doing before there is an answer ("loading solar: 40 %"), once a second; "" when it is over.
    std::function<void(std::string_view text)> waiting;
    // Something to know about this answer: that a fallback gave it, and why.
    std::function<void(std::string_view text)> note;
};

class Conversation {
public:
    Conversation(boost::asio::io_context& io, net::Origin origin, std::string model);

    // Asks and hands the pieces of the answer to `sink`. A question without any answer is forgotten, so that it can be
    // asked again; what came of an interrupted answer stays.
    // Errors: unavailable and timeout with a hint, where no server answered; the server's own, before and in the
    // stream, as they are; upstream where the stream broke off.
    [[nodiscard]] boost::asio::awaitable<Result<void>> ask(std::string question, const ChatSink& sink);

    // Tells the server what is being typed. A server that has nothing to do with it, or is not there, is no error.
    [[nodiscard]] boost::asio::awaitable<void> hint(std::string typed);

    [[nodiscard]] const std::vector<Message>& messages() const { return messages_; }
    void forget() { messages_.clear(); }
    void close() {
        client_.drop_idle();
        status_client_.drop_idle();
    }

private:
    [[nodiscard]] boost::asio::awaitable<void> report_loading(const ChatSink& sink);
    [[nodiscard]] boost::asio::awaitable<Result<void>> stream(const ChatSink& sink, std::string& answer);

    net::Client client_;
    net::Client status_client_;
    std::string model_;
    std::vector<Message> messages_;
};

}  // namespace sarai::cli
