// A conversation with one model over /v1/chat/completions, streamed.
//
// A Conversation owns its connection and lives on the io_context that it was given, one turn at a time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.hpp"
#include "cli/attachment.hpp"
#include "cli/progress.hpp"
#include "net/http_client.hpp"

namespace sarai::cli {

struct Message {
    std::string role;  // "user" or "assistant"
    std::string text;
    std::vector<Attachment> attachments = {};
    std::string by = {};  // of an answer: the model that was asked
};

struct ChatSettings {
    std::string system;                 // what the model is to be; empty: nothing is said of it
    std::optional<double> temperature;  // nothing: the model's own
};

// The body of the request for the next answer.
[[nodiscard]] std::string chat_request(std::string_view model, const std::vector<Message>& messages,
                                       const ChatSettings& settings = {});

// Where an answer came from, and how fast.
struct AnswerFacts {
    // As the headers of the answer tell it, or its first chunk where they had left before.
    std::string model;
    std::string backend;
    std::string endpoint;
    std::string reason;
    std::string route;   // of auto
    std::string scores;  // of auto
    std::string pipeline;
    std::string seam;                        // who went on with it, and why; empty: nobody had to
    std::chrono::milliseconds first_text{};  // from the question on; 0: there was none
    std::chrono::milliseconds whole{};
    double rate = 0;          // tokens/s as the server measured them; 0: it did not say
    std::int64_t tokens = 0;  // as the server counts them; 0: it did not say
    bool cut_off = false;  // "length": the context was full before it had ended, or a limit of the server's was reached
};

// What /sarai/status says of a model that has not answered yet: "loading solar  ████░░░░░░  40 %".
[[nodiscard]] std::string loading_text(std::string_view status, std::string_view model, bool unicode,
                                       std::size_t columns = any_columns);

// Pieces of an answer in their order. `thought` is what a reasoning model thinks before it answers.
struct ChatSink {
    std::function<void(std::string_view text)> answer;
    std::function<void(std::string_view text)> thought;
    // What the server is doing before there is an answer (see loading_text), once a second; "" when it is over.
    std::function<void(std::string_view text)> waiting;
    // Something to know about this answer: that a fallback gave it, and why.
    std::function<void(std::string_view text)> note;
    bool unicode = true;                // of what `waiting` is told
    std::size_t columns = any_columns;  // of the same
};

class Conversation {
public:
    Conversation(boost::asio::io_context& io, net::Origin origin, std::string model);

    // Asks and hands the pieces of the answer to `sink`. A question without any answer is forgotten, so that it can be
    // asked again; what came of an interrupted answer stays.
    // Errors: unavailable and timeout with a hint, where no server answered; the server's own, before and in the
    // stream, as they are; upstream where the stream broke off.
    [[nodiscard]] boost::asio::awaitable<Result<void>> ask(std::string question, std::vector<Attachment> attachments,
                                                           const ChatSink& sink);

    // Tells the server what is being typed. A server that has nothing to do with it, or is not there, is no error.
    [[nodiscard]] boost::asio::awaitable<void> hint(std::string typed);

    [[nodiscard]] const std::vector<Message>& messages() const { return messages_; }
    void forget() { messages_.clear(); }
    [[nodiscard]] const std::string& model() const { return model_; }
    void set_model(std::string model) { model_ = std::move(model); }
    [[nodiscard]] ChatSettings& settings() { return settings_; }
    // Of the last answer that began.
    [[nodiscard]] const std::optional<AnswerFacts>& facts() const { return facts_; }
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
    ChatSettings settings_;
    std::optional<AnswerFacts> facts_;
};

}  // namespace sarai::cli
