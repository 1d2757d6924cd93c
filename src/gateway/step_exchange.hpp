// The exchange of one step of a pipeline: its answer is the pipeline's to use, and only what the client wants to see of
// it on the way reaches the client. gateway/answer.hpp runs a step on it like any request.
#pragma once

#include <fmt/format.h>

#include <functional>
#include <string>
#include <utility>

#include "gateway/face.hpp"
#include "net/http_server.hpp"

namespace sarai::gateway {

// Writes to a client for several steps at once: one write at a time, the rest follows.
class Progress {
public:
    // `begin` prepares the client's stream; `shown`: false where the client is told nothing before the answer.
    Progress(net::Exchange& client, bool shown, std::function<void()> begin)
        : client_(client), shown_(shown), begin_(std::move(begin)) {}

    [[nodiscard]] boost::asio::awaitable<Result<void>> write(std::string_view bytes);

private:
    net::Exchange& client_;
    bool shown_;
    std::function<void()> begin_;
    std::string waiting_;
    bool writing_ = false;
};

class StepExchange final : public net::Exchange {
public:
    StepExchange(net::Exchange& client, Progress& progress) : client_(client), progress_(progress) {}

    [[nodiscard]] const net::http::request<net::http::string_body>& request() const override {
        return client_.request();
    }
    [[nodiscard]] std::string_view path() const override { return client_.path(); }
    [[nodiscard]] std::string_view query() const override { return client_.query(); }
    [[nodiscard]] std::string peer() const override { return client_.peer(); }
    boost::asio::awaitable<Result<std::string>> read_body() override { co_return std::string(); }
    // It is the client's, and other steps may need it.
    std::string take_body() override { return {}; }
    void let_go_of_body() override {}
    Result<void> hold_more(Bytes bytes) override { return client_.hold_more(bytes); }
    void add_header(std::string /*name*/, std::string /*value*/) override {}
    boost::asio::awaitable<Result<void>> respond(net::Reply reply) override {
        status_ = reply.status;
        co_return Result<void>{};
    }
    void start(int status, std::string_view /*content_type*/, const net::HeaderList& /*headers*/) override {
        status_ = status;
    }
    boost::asio::awaitable<Result<void>> write(std::string_view bytes) override {
        sent_ = true;
        return progress_.write(bytes);
    }
    boost::asio::awaitable<Result<void>> finish(std::string_view last_bytes) override {
        return progress_.write(last_bytes);
    }
    void abort() override {}
    [[nodiscard]] bool started() const override { return sent_; }
    [[nodiscard]] int status() const override { return status_; }
    // The client is watched for all steps together.
    boost::asio::awaitable<bool> while_connected(boost::asio::awaitable<void> work) override {
        co_await std::move(work);
        co_return false;
    }
    void give_up() override { client_.give_up(); }
    [[nodiscard]] bool ends() const override { return false; }  // whoever runs the steps tells

private:
    net::Exchange& client_;
    Progress& progress_;
    bool sent_ = false;
    int status_ = 0;
};

// Keeps a step's text; shows it as reasoning in the client's protocol, where that is wanted.
class StepFace final : public Face {
public:
    struct Names {
        std::string step;
        std::string id;     // of the client's request
        std::string model;  // that the client asked for
    };
    StepFace(Face& client, Names names, bool shown) : client_(client), names_(std::move(names)), shown_(shown) {}

    [[nodiscard]] const std::string& text() const { return text_; }
    // A step's whole result, of one that asks no model.
    void show_all(const std::string& text, std::string& out) {
        if (shown_) show(fmt::format("[{}] {}\n\n", names_.step, text), out);
    }

    [[nodiscard]] std::string reply(const boost::json::object& /*reply*/) override { return {}; }  // steps are streamed
    [[nodiscard]] std::string_view stream_type() const override { return client_.stream_type(); }
    void event(const llm::StreamEvent& event, std::string& out) override;
    void end(std::string& out) override;
    void heartbeat(std::string_view what, std::string& out) override;
    void stream_error(const Error& /*error*/, std::string& /*out*/) override {}  // whoever runs the step tells

private:
    void show(const std::string& text, std::string& out);

    Face& client_;
    Names names_;
    std::string text_;
    bool shown_;
};

}  // namespace sarai::gateway
