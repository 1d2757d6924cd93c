#include "gateway/responses_face.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>
#include <chrono>
#include <random>
#include <utility>

namespace sarai::gateway {
namespace {

namespace responses = protocols::responses;

std::int64_t seconds_now() { return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now()); }

class ResponsesFace final : public Face {
public:
    ResponsesFace(responses::Context context, ResponseStore& store, std::string owner)
        : context_(std::move(context)), store_(store), owner_(std::move(owner)) {}

    std::string reply(const boost::json::object& reply) override {
        const auto response = responses::encode_reply(context_, reply, seconds_now());
        keep(response);
        return boost::json::serialize(response);
    }
    std::string_view stream_type() const override { return "text/event-stream"; }
    void event(const llm::StreamEvent& event, std::string& out) override { events_.chunk(event.chunk(), out); }
    void end(std::string& out) override { keep(events_.finish(seconds_now(), out)); }
    void heartbeat(std::string_view what, std::string& out) override { responses::StreamEncoder::heartbeat(what, out); }
    void stream_error(const Error& error, std::string& out) override { events_.fail(error, out); }

private:
    void keep(const boost::json::object& response) {
        if (!context_.store) return;
        store_.put(owned(owner_, context_.id), responses::keep(context_, response), std::chrono::steady_clock::now());
    }

    responses::Context context_;
    responses::StreamEncoder events_{context_};
    ResponseStore& store_;
    std::string owner_;
};

}  // namespace

responses::Birth response_born() {
    std::random_device random;  // the operating system's; 128 bits
    return {.id = fmt::format("resp_{:08x}{:08x}{:08x}{:08x}", random(), random(), random(), random()),
            .created_at = seconds_now()};
}

std::string owned(std::string_view owner, std::string_view id) {
    return owner.empty() ? std::string(id) : fmt::format("{}\n{}", owner, id);
}

responses::Find find_in(ResponseStore& store, std::string owner) {
    return [&store, owner = std::move(owner)](std::string_view id) {
        return store.get(owned(owner, id), std::chrono::steady_clock::now());
    };
}

std::unique_ptr<Face> make_responses_face(responses::Context context, ResponseStore& store, std::string owner) {
    return std::make_unique<ResponsesFace>(std::move(context), store, std::move(owner));
}

}  // namespace sarai::gateway
