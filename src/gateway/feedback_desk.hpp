// Feedback on routes: how it is asked for, kept and exported. The database is on a thread of its own, and opened when
// somebody has something to say.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/json/object.hpp>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/router_desk.hpp"
#include "history/feedback.hpp"

namespace sarai::gateway {

// {"request_id": …, "right": true or false, "label": "hard", "soft" or "web_query" (may be absent)}
struct FeedbackRequest {
    std::string request_id;
    bool right = false;
    std::optional<router::Label> label;
};
// Errors: invalid_argument that names the field.
[[nodiscard]] Result<FeedbackRequest> decode_feedback(std::string_view body);

[[nodiscard]] history::Feedback feedback_on(const Routed& routed, const FeedbackRequest& said, const std::string& key);

// What the classifier is trained with: {"text", "label", "also", "lang"}. nullopt where the prompt or the right label
// is not known. `also` and `lang` only where there is something to say.
[[nodiscard]] std::optional<boost::json::object> training_of(const history::Feedback& feedback);
[[nodiscard]] boost::json::object feedback_json(const history::Feedback& feedback);

class FeedbackDesk {
public:
    explicit FeedbackDesk(std::filesystem::path folder) : folder_(std::move(folder)) {}
    ~FeedbackDesk();

    [[nodiscard]] boost::asio::awaitable<Result<void>> keep(history::Feedback feedback);
    [[nodiscard]] boost::asio::awaitable<Result<std::vector<history::Feedback>>> page(std::int64_t after, int most);

private:
    [[nodiscard]] Result<history::FeedbackStore*> store();
    boost::asio::thread_pool& thread();

    std::filesystem::path folder_;
    std::optional<history::FeedbackStore> store_;  // of the thread
    std::unique_ptr<boost::asio::thread_pool> thread_;
};

}  // namespace sarai::gateway
