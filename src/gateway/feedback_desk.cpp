#include "gateway/feedback_desk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/array.hpp>

#include "base/nearest.hpp"
#include "net/on_thread.hpp"
#include "protocols/body.hpp"
#include "protocols/json.hpp"

namespace sarai::gateway {

namespace asio = boost::asio;
namespace json = boost::json;

namespace {

bool looks_spanish(std::string_view text) {
    constexpr std::array<std::string_view, 9> signs{"ñ", "Ñ", "¿", "¡", "á", "é", "í", "ó", "ú"};
    return std::ranges::any_of(signs, [&](auto sign) { return text.contains(sign); });
}

}  // namespace

Result<FeedbackRequest> decode_feedback(std::string_view body) {
    const auto object = protocols::parse_body(body);
    if (!object) return std::unexpected(object.error());
    FeedbackRequest said{.request_id = std::string(protocols::string_at(*object, "request_id")), .label = {}};
    if (said.request_id.empty())
        return fail_field("request_id", "'request_id' is missing; expected the x-request-id of an answer");
    const auto* right = protocols::find(*object, "right");
    if (right == nullptr || !right->is_bool())
        return fail_field("right", fmt::format("'right' is {}; expected true or false",
                                               right == nullptr ? "missing" : protocols::excerpt(*right)));
    said.right = right->get_bool();
    const auto* label = protocols::find(*object, "label");
    if (label == nullptr) return said;
    if (label->is_string()) said.label = router::label_named(std::string_view(label->get_string()));
    if (said.label) return said;
    constexpr std::array<std::string_view, 3> names{"hard", "soft", "web_query"};
    const auto meant = label->is_string() ? nearest(std::string_view(label->get_string()), names) : std::nullopt;
    return fail_field("label",
                      fmt::format("'label' is {}; expected hard, soft or web_query{}", protocols::excerpt(*label),
                                  meant ? fmt::format("; did you mean {}?", *meant) : ""));
}

history::Feedback feedback_on(const Routed& routed, const FeedbackRequest& said, const std::string& key) {
    using std::chrono::system_clock;
    const auto& [decision, scores, text] = routed;
    return {.at = std::chrono::duration_cast<std::chrono::seconds>(system_clock::now().time_since_epoch()).count(),
            .key = key,
            .request_id = said.request_id,
            .route = std::string(name_of(decision.route)),
            .model = decision.model,
            .label = decision.label ? std::string(name_of(*decision.label)) : "",
            .right = said.right,
            .said = said.label ? std::string(name_of(*said.label)) : "",
            .language = std::string(name_of(scores.language)),
            .hard = scores.hard,
            .soft = scores.soft,
            .web_query = scores.web_query,
            .familiar = scores.familiar,
            .text = text};
}

std::optional<json::object> training_of(const history::Feedback& feedback) {
    const auto& label = !feedback.said.empty() ? feedback.said : feedback.label;
    if (feedback.text.empty() || label.empty() || (!feedback.right && feedback.said.empty())) return std::nullopt;
    json::object line{{"text", feedback.text}, {"label", label}};
    // Somebody who says that it was right, and knows a better one.
    if (feedback.right && !feedback.label.empty() && feedback.label != label)
        line["also"] = json::array{feedback.label};
    // The training format knows two languages; of a prompt that looked like neither its letters decide.
    const bool told = feedback.language == "es" || feedback.language == "en";
    line["lang"] = told ? feedback.language : looks_spanish(feedback.text) ? "es" : "en";
    return line;
}

json::object feedback_json(const history::Feedback& feedback) {
    const auto or_null = [](const std::string& text) {
        return text.empty() ? json::value(nullptr) : json::value(text);
    };
    const auto training = training_of(feedback);
    return {{"at", feedback.at},
            {"key", or_null(feedback.key)},
            {"request_id", feedback.request_id},
            {"route", feedback.route},
            {"model", feedback.model},
            {"right", feedback.right},
            {"label", or_null(feedback.said)},
            {"scores", {{"hard", feedback.hard}, {"soft", feedback.soft}, {"web_query", feedback.web_query}}},
            {"familiar", feedback.familiar},
            {"language", feedback.language},
            {"training", training ? json::value(*training) : json::value(nullptr)}};
}

FeedbackDesk::~FeedbackDesk() {
    if (thread_) thread_->join();
}

asio::thread_pool& FeedbackDesk::thread() {
    if (!thread_) thread_ = std::make_unique<asio::thread_pool>(1);
    return *thread_;
}

Result<history::FeedbackStore*> FeedbackDesk::store() {
    if (!store_) {
        auto opened = history::FeedbackStore::open(folder_, {});
        if (!opened) return std::unexpected(opened.error());
        store_.emplace(std::move(*opened));
    }
    return &*store_;
}

asio::awaitable<Result<void>> FeedbackDesk::keep(history::Feedback feedback) {
    co_return co_await net::on_thread(thread(), [this, one = std::move(feedback)]() -> Result<void> {
        const auto open = store();
        return open ? (*open)->keep(one) : std::unexpected(open.error());
    });
}

asio::awaitable<Result<std::vector<history::Feedback>>> FeedbackDesk::page(std::int64_t after, int most) {
    co_return co_await net::on_thread(thread(), [this, after, most]() -> Result<std::vector<history::Feedback>> {
        const auto open = store();
        if (!open) return std::unexpected(open.error());
        return (*open)->page(after, most);
    });
}

}  // namespace sarai::gateway
