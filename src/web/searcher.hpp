// Searches the web for a question: a search engine's results, the pages behind the first ones, and of these the
// passages that fit. What was found is kept for a while.
//
// Belongs to an io thread. The search engine is the configuration's and reached as it says; pages come past media's
// guard (media/fetcher.hpp), since whoever writes results chooses their addresses.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/thread_pool.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/recent.hpp"
#include "config/config.hpp"
#include "media/fetcher.hpp"
#include "web/audit_log.hpp"
#include "web/searxng.hpp"

namespace sarai::web {

namespace asio = boost::asio;

struct Question {
    std::string text;
    std::string language;  // "es", "en", …
    int limit = 5;
    Bytes max_text;          // of all passages
    std::string request_id;  // for the audit log
};

struct Source {
    std::string url;
    std::string title;
    std::string text;  // passages of the page, or what the search engine quotes
    std::string published;
    bool read = false;  // the page was read
};

struct Found {
    std::vector<Source> sources;  // best first; those without any text are left out
    bool cached = false;          // the results; pages may be in any case
    std::string why_unread;       // of the first page that could not be read; empty: none
};

class Searcher {
public:
    using Clock = std::function<std::chrono::system_clock::time_point()>;
    // Both outlive it, and may change meanwhile.
    Searcher(const config::Web& settings, const media::Fetcher& fetcher, Clock clock = {});
    ~Searcher();

    [[nodiscard]] bool has_provider() const { return !settings_.url.empty(); }

    // Errors: unsupported (no provider); unavailable, timeout, upstream (the search engine); io (the audit log, without
    // which nothing is searched where it is wanted); cancelled.
    [[nodiscard]] asio::awaitable<Result<Found>> search(Question question);

private:
    template <class Value>
    struct Kept {
        Value value;
        std::chrono::system_clock::time_point at;
    };
    struct Page {
        std::string title;
        std::string text;
    };

    [[nodiscard]] asio::awaitable<Result<std::vector<Hit>>> ask_provider(const Question& question);
    asio::awaitable<void> read_pages(const Question& question, Found& found, std::size_t share);
    asio::awaitable<void> read_one(const Question& question, Found& found, std::size_t place, std::size_t share);
    [[nodiscard]] asio::awaitable<Result<void>> log(boost::json::object entry);
    [[nodiscard]] std::chrono::milliseconds ttl_of(const Question& question) const;
    // What was kept at `at` may answer this question. For one about now that is less than for others.
    [[nodiscard]] bool is_fresh(std::chrono::system_clock::time_point at, const Question& question) const;

    const config::Web& settings_;
    const media::Fetcher& fetcher_;
    Clock clock_;
    Recent<std::string, Kept<std::vector<Hit>>> results_{256};
    Recent<std::string, Kept<Page>> pages_{128};
    asio::thread_pool disk_{1};
    asio::thread_pool reader_{1};  // takes pages apart: megabytes of strange HTML
    std::shared_ptr<std::optional<AuditLog>> audit_ = std::make_shared<std::optional<AuditLog>>();
};

}  // namespace sarai::web
