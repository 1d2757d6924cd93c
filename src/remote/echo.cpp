#include "remote/echo.hpp"

#include <boost/json/array.hpp>
#include <set>

#include "protocols/json.hpp"

namespace sarai::remote {
namespace {

namespace json = boost::json;
using boost::asio::awaitable;

class Echo final : public llm::EventStream {
public:
    Echo(std::unique_ptr<llm::EventStream> events, std::string prompt)
        : events_(std::move(events)), prompt_(std::move(prompt)) {}

    awaitable<Result<std::optional<llm::StreamEvent>>> next() override {
        auto event = co_await events_->next();
        if (!event || !*event) co_return event;
        // A chunk of text alone is of the one choice there is; after its first one the rest may pass as it came.
        if (begun_.contains(0) && (*event)->is_only_text()) co_return event;
        auto chunk = (*event)->chunk();
        bool changed = false;
        if (auto* choices = chunk.if_contains("choices"); choices != nullptr && choices->is_array())
            for (auto& value : choices->get_array())
                if (auto* choice = value.if_object();
                    choice && begun_.insert(protocols::integer_at(*choice, "index").value_or(0)).second) {
                    (*choice)["text"] = prompt_ + std::string(protocols::string_at(*choice, "text"));
                    changed = true;
                }
        if (changed) co_return llm::StreamEvent(std::move(chunk));
        co_return event;
    }
    [[nodiscard]] bool ready() const override { return events_->ready(); }

private:
    std::unique_ptr<llm::EventStream> events_;
    std::string prompt_;
    std::set<std::int64_t> begun_;  // indices of choices
};

}  // namespace

bool wants_echo(const llm::Request& request) {
    return request.task == llm::Task::completion && protocols::true_at(request.body, "echo");
}

Result<void> check_echo(const llm::Request& request) {
    const auto* prompt = protocols::find(request.body, "prompt");
    if (prompt != nullptr && prompt->is_string()) return {};
    return std::unexpected(Error{.code = Code::unsupported,
                                 .message = "'echo' needs a 'prompt' that is one text, where a local model answers",
                                 .field = "echo"});
}

void put_prompt_in_front(json::object& reply, std::string_view prompt) {
    auto* choices = reply.if_contains("choices");
    if (choices == nullptr || !choices->is_array()) return;
    for (auto& value : choices->get_array())
        if (auto* choice = value.if_object())
            (*choice)["text"] = std::string(prompt) + std::string(protocols::string_at(*choice, "text"));
}

std::unique_ptr<llm::EventStream> with_prompt_in_front(std::unique_ptr<llm::EventStream> events, std::string prompt) {
    return std::make_unique<Echo>(std::move(events), std::move(prompt));
}

}  // namespace sarai::remote
