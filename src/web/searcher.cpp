#include "web/searcher.hpp"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/cancel_after.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/utf8.hpp"
#include "net/on_thread.hpp"
#include "protocols/json.hpp"
#include "web/excerpt.hpp"
#include "web/question.hpp"

namespace sarai::web {
namespace {

using namespace std::chrono_literals;

constexpr Bytes most_results = MiB(2);                         // of the search engine's answer
constexpr std::size_t most_kept_text = std::size_t{64} << 10;  // of a page, in the cache

int year_of(std::chrono::system_clock::time_point now) {
    return static_cast<int>(std::chrono::year_month_day(std::chrono::floor<std::chrono::days>(now)).year());
}

}  // namespace

Searcher::Searcher(const config::Web& settings, const media::Fetcher& fetcher, Clock clock)
    : settings_(settings),
      fetcher_(fetcher),
      clock_(clock ? std::move(clock) : Clock([] { return std::chrono::system_clock::now(); })) {}

Searcher::~Searcher() {
    disk_.join();
    reader_.join();
}

std::chrono::milliseconds Searcher::ttl_of(const Question& question) const {
    return is_about_now(question.text, year_of(clock_())) ? settings_.ttl_fresh : settings_.ttl;
}

bool Searcher::is_fresh(std::chrono::system_clock::time_point at, const Question& question) const {
    const auto age = clock_() - at;
    return age >= 0ms && age < ttl_of(question);
}

asio::awaitable<Result<void>> Searcher::log(boost::json::object entry) {
    if (settings_.audit_log.empty()) co_return Result<void>{};
    co_return co_await net::on_thread(
        disk_, [audit = audit_, path = settings_.audit_log, entry = std::move(entry)]() mutable -> Result<void> {
            // Another path since a reload, or the file was moved away (logrotate).
            if (!*audit || !(*audit)->is_at(path)) {
                auto opened = AuditLog::open(path);
                // Whatever it is: the log cannot be written, and a client is not told of a broken model.
                if (!opened) {
                    auto error = std::move(opened.error());
                    error.code = Code::io;
                    return std::unexpected(std::move(error));
                }
                *audit = std::move(*opened);
            }
            return (*audit)->add(std::move(entry));
        });
}

asio::awaitable<Result<std::vector<Hit>>> Searcher::ask_provider(const Question& question) {
    auto origin = net::Origin::parse(settings_.url);
    if (!origin) co_return std::unexpected(origin.error());
    origin->bearer = settings_.api_key;
    net::Client client(co_await asio::this_coro::executor, std::move(*origin));
    const auto budget = settings_.timeout;
    auto answer = co_await client.fetch(
        {.target = searxng_target(question.text, question.language), .headers = {{"Accept", "application/json"}}},
        {.connect = std::min<std::chrono::milliseconds>(budget, 2s), .first_byte = budget, .silence = budget},
        most_results, budget);
    if (!answer) co_return std::unexpected(answer.error());
    co_return read_reply(answer->status, answer->body, 20);
}

asio::awaitable<void> Searcher::read_one(const Question& question, Found& found, std::size_t place, std::size_t share) {
    const auto url = found.sources[place].url;
    std::optional<Page> page;
    if (auto* kept = pages_.find(url); kept != nullptr && is_fresh(kept->at, question)) {
        page = kept->value;
    } else {
        // Before it is asked for: one that does not come in time is given up wherever it is.
        const auto note = [&](std::string_view event, std::string_view outcome) -> asio::awaitable<bool> {
            boost::json::object entry{{"event", event}, {"request", question.request_id}, {"url", url}};
            if (!outcome.empty()) entry["outcome"] = outcome;
            const auto logged = co_await log(std::move(entry));
            if (!logged) spdlog::error("{}", describe(logged.error()));
            co_return logged.has_value();
        };
        if (!co_await note("page", {})) co_return;
        auto fetched = co_await fetcher_.fetch(
            url, {.types = {"text/", "application/xhtml+xml"}, .max_bytes = settings_.max_page_bytes});
        auto text =
            fetched ? co_await net::on_thread(
                          reader_, [page = std::move(*fetched)] { return read_page(page.content_type, page.bytes); })
                    : Result<PageText>(std::unexpected(fetched.error()));
        (void)co_await note("page_read", text ? "read" : text.error().message);
        if (!text) {
            if (found.why_unread.empty()) found.why_unread = text.error().message;
            co_return;
        }
        text->text.resize(utf8_floor(text->text, most_kept_text));
        page = Page{.title = std::move(text->title), .text = std::move(text->text)};
        pages_.put(url, {.value = *page, .at = clock_()});
    }
    auto& source = found.sources[place];
    auto passages = co_await net::on_thread(
        reader_, [text = page->text, asked = question.text, share] { return best_passages(text, asked, share); });
    if (passages.empty()) co_return;
    source.text = std::move(passages);
    source.read = true;
    if (source.title.empty()) source.title = page->title;
}

asio::awaitable<void> Searcher::read_pages(const Question& question, Found& found, std::size_t share) {
    const auto executor = co_await asio::this_coro::executor;
    using One = decltype(asio::co_spawn(executor, read_one(question, found, 0, share), asio::deferred));
    std::vector<One> all;
    const auto count = std::min(found.sources.size(), static_cast<std::size_t>(settings_.pages));
    for (std::size_t i = 0; i < count; ++i)
        all.push_back(asio::co_spawn(executor, read_one(question, found, i, share), asio::deferred));
    if (all.empty()) co_return;
    (void)co_await asio::experimental::make_parallel_group(std::move(all))
        .async_wait(asio::experimental::wait_for_all(), asio::as_tuple(asio::use_awaitable));
}

asio::awaitable<Result<Found>> Searcher::search(Question question) {
    if (!has_provider())
        co_return fail(Code::unsupported, "no search engine is configured (web.url)",
                       "web.url takes a SearXNG server's address.");
    const auto deadline = std::chrono::steady_clock::now() + settings_.timeout;
    question.text = tidy(question.text);
    if (question.text.empty()) co_return fail(Code::invalid_argument, "there is nothing to search the web for");
    Found found;
    const auto key = question.language + " " + cache_key(question.text);
    std::vector<Hit> hits;
    if (auto* kept = results_.find(key); kept != nullptr && is_fresh(kept->at, question)) {
        hits = kept->value;
        found.cached = true;
    }
    // What cannot be logged is not asked: the log is to have everything.
    if (auto logged = co_await log({{"event", "search"},
                                    {"request", question.request_id},
                                    {"query", question.text},
                                    {"cached", found.cached}});
        !logged)
        co_return std::unexpected(logged.error());
    if (!found.cached) {
        auto asked = co_await ask_provider(question);
        if (!asked) co_return std::unexpected(asked.error());
        hits = std::move(*asked);
        if (!hits.empty()) results_.put(key, {.value = hits, .at = clock_()});
    }
    hits.resize(std::min(hits.size(), static_cast<std::size_t>(question.limit)));
    for (auto& hit : hits)
        found.sources.push_back({.url = std::move(hit.url),
                                 .title = std::move(hit.title),
                                 .text = std::move(hit.snippet),
                                 .published = std::move(hit.published)});
    const auto share = static_cast<std::size_t>(question.max_text.count) / std::max<std::size_t>(1, hits.size());
    // Pages that do not come in time are not waited for; what the search engine quotes of them is there.
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    const auto state = co_await asio::this_coro::cancellation_state;
    if (left > 0ms && settings_.pages > 0)
        (void)co_await asio::co_spawn(co_await asio::this_coro::executor, read_pages(question, found, share),
                                      asio::cancel_after(left, asio::as_tuple(asio::use_awaitable)));
    if (state.cancelled() != asio::cancellation_type::none) co_return fail(Code::cancelled, "the search was cancelled");
    for (auto& source : found.sources)
        if (!source.read) source.text.resize(utf8_floor(source.text, share));
    std::erase_if(found.sources, [](const Source& source) { return source.text.empty(); });
    co_return found;
}

}  // namespace sarai::web
