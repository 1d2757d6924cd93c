// What people said of where their prompts were sent, in `feedback.db`: kept so that a classifier can learn from it.
//
// A file of its own beside history.db, since it may hold prompts: whoever deletes it deletes all of them. Bounded; the
// oldest go first. Calls may wait for another process that writes, so they belong on a thread of their own; one at a
// time.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace sarai::history {

struct Feedback {
    std::int64_t id = 0;     // given by the store, in the order of keeping
    std::int64_t at = 0;     // seconds since 1970
    std::string key;         // name of the API key; empty: none was asked for
    std::string request_id;  // of one key's feedback on one request the last counts
    std::string route;       // hard, soft, web_query, multimodal, default, pinned, rule
    std::string model;       // that was chosen
    std::string label;       // that decided; empty: none did
    bool right = false;
    std::string said;      // the label that would have been right; empty: nothing was said
    std::string language;  // es, en, other
    double hard = 0, soft = 0, web_query = 0, familiar = 0;
    std::string text;  // the prompt; empty unless it may be kept
    bool operator==(const Feedback&) const = default;
};

class FeedbackStore {
public:
    struct Options {
        std::chrono::milliseconds patience{1000};
        int most = 10'000;
    };
    // Makes the folder (mode 0700) and the file where they are missing. Errors: io, unsupported.
    [[nodiscard]] static Result<FeedbackStore> open(const std::filesystem::path& folder, const Options& options);
    ~FeedbackStore();
    FeedbackStore(FeedbackStore&&) noexcept;
    FeedbackStore& operator=(FeedbackStore&&) = delete;

    [[nodiscard]] Result<void> keep(const Feedback& feedback);
    // The first `most` with an id greater than `after`, oldest first.
    [[nodiscard]] Result<std::vector<Feedback>> page(std::int64_t after, int most);

private:
    struct Database;
    explicit FeedbackStore(std::unique_ptr<Database> database);
    std::unique_ptr<Database> database_;
};

}  // namespace sarai::history
