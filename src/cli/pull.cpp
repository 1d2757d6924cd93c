#include "cli/pull.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <exception>
#include <map>
#include <ostream>
#include <utility>

#include "base/bytes.hpp"
#include "cli/progress.hpp"
#include "config/problem.hpp"
#include "net/framing.hpp"
#include "net/http_client.hpp"
#include "protocols/json.hpp"
#include "protocols/ollama_library.hpp"

namespace sarai::cli {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;
using Clock = std::chrono::steady_clock;

// The server tells what it does all the time, but for the hash of a large file.
constexpr net::Budgets pull_budgets{.first_byte = std::chrono::minutes(5), .silence = std::chrono::minutes(15)};

// What the lines of the stream say, on one line of the error stream.
class PullProgress {
public:
    PullProgress(std::string model, Io& io) : model_(std::move(model)), io_(io) {}

    // Error: what the server failed with.
    Result<void> hear(std::string_view line) {
        const auto parsed = protocols::parse_json(line);
        const auto* told = parsed ? parsed->if_object() : nullptr;
        if (told == nullptr) return fail(Code::upstream, "the server answered with a line that is no JSON object");
        if (auto error = told_error(*told, Code::upstream)) return std::unexpected(*std::move(error));
        const auto status = protocols::string_at(*told, "status");
        done_ = status == protocols::ollama::status::success;
        unverified_ = unverified_ || status == protocols::ollama::status::not_verified;
        if (!told->contains("total") && !told->contains("completed")) {
            show_status(io_, doing_text(model_, config::printable(status), io_.unicode, status_columns(io_)));
            return {};
        }
        // A file without a hash has a name at least.
        const auto digest = protocols::string_at(*told, "digest");
        const std::string file(digest.empty() ? status : digest);
        const auto total = protocols::integer_at(*told, "total").value_or(0);
        const auto completed = protocols::integer_at(*told, "completed").value_or(0);
        const auto& part = parts_.try_emplace(file, Part{completed, Clock::now()}).first->second;
        sizes_[file] = std::max(total, completed);
        show_status(io_, transfer_text(model_,
                                       {.total = total,
                                        .completed = completed,
                                        .begun_at = part.begun_at,
                                        .elapsed = Clock::now() - part.begun},
                                       io_.unicode, status_columns(io_)));
        return {};
    }
    void wipe() { show_status(io_, {}); }
    [[nodiscard]] bool done() const { return done_; }
    [[nodiscard]] bool unverified() const { return unverified_; }
    [[nodiscard]] Bytes size() const {
        Bytes sum;
        for (const auto& [file, size] : sizes_) sum += Bytes{size};
        return sum;
    }

private:
    struct Part {
        std::int64_t begun_at = 0;
        Clock::time_point begun;
    };

    std::string model_;
    Io& io_;
    std::map<std::string, Part> parts_;  // by digest or status: a model and its projector
    std::map<std::string, std::int64_t> sizes_;
    bool done_ = false;
    bool unverified_ = false;
};

asio::awaitable<Result<void>> pull(net::Client& client, std::string name, PullProgress& progress) {
    auto body = co_await client.open({.method = net::http::verb::post,
                                      .target = "/api/pull",
                                      .body = json::serialize(json::object{{"model", name}, {"stream", true}})},
                                     pull_budgets);
    if (!body) co_return std::unexpected(unreachable(client.origin(), body.error()));
    const auto status = (*body)->status();
    net::LineSplitter lines;
    std::string refusal;
    while (true) {
        const auto bytes = co_await (*body)->read_some();
        // It was reached: a failure like any other.
        if (!bytes) co_return fail(Code::upstream, "the server broke off: " + bytes.error().message);
        if (bytes->empty()) break;
        if (status != 200) {
            refusal += *bytes;
            continue;
        }
        if (const auto fed = lines.feed(*bytes); !fed) co_return std::unexpected(fed.error());
        while (const auto line = lines.next()) {
            if (line->empty()) continue;
            if (auto heard = progress.hear(*line); !heard) co_return heard;
        }
    }
    if (status != 200) co_return std::unexpected(server_error(status, refusal));
    if (!progress.done()) co_return fail(Code::upstream, "the server ended its answer before the model was there");
    co_return Result<void>{};
}

}  // namespace

int pull_model(const ServerChoice& server, const std::string& name, Io& io) {
    const auto origin = find_server(server, io);
    if (!origin) {
        print_error(io, describe(origin.error()));
        return exit_status(origin.error().code);
    }
    asio::io_context context{1};
    net::Client client(context.get_executor(), *origin);
    PullProgress progress(config::printable(name), io);
    Result<void> outcome;
    asio::co_spawn(context, pull(client, name, progress), [&](std::exception_ptr thrown, Result<void> result) {
        if (thrown) std::rethrow_exception(thrown);
        outcome = std::move(result);
        client.drop_idle();
    });
    context.run();
    progress.wipe();
    if (!outcome) {
        print_error(io, describe(outcome.error()));
        return exit_status(outcome.error().code);
    }
    io.out << fmt::format("{} is there{}{}\n", config::printable(name),
                          progress.size().count > 0 ? ": " + to_string(progress.size()) : "",
                          progress.unverified() ? fmt::format(" ({})", protocols::ollama::status::not_verified) : "");
    return 0;
}

}  // namespace sarai::cli
