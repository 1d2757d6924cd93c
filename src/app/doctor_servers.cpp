#include "app/doctor_servers.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/this_coro.hpp>
#include <chrono>

#include "net/http_client.hpp"
#include "protocols/json.hpp"
#include "web/searxng.hpp"

namespace sarai::app {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using cli::CheckState;
using protocols::string_at;
using Clock = std::chrono::steady_clock;

constexpr std::string_view group = "servers";
// Of one answer; three of them and a list of models are waited for.
constexpr net::Budgets patience{.connect = 2s, .first_byte = 4s, .silence = 4s};
constexpr auto at_most = 5s;
constexpr Bytes most_body = MiB(4);

struct Answer {
    net::ClientResponse reply;            // the last one
    std::chrono::microseconds latency{};  // median of three; the first has the connection to make
};

asio::awaitable<Result<Answer>> ask_three_times(net::Client& client, const std::string& target) {
    Answer answer;
    std::array<Clock::duration, 3> took{};
    for (auto& one : took) {
        const auto begun = Clock::now();
        auto reply = co_await client.fetch({.target = target}, patience, most_body, at_most);
        if (!reply) co_return std::unexpected(reply.error());
        one = Clock::now() - begun;
        answer.reply = std::move(*reply);
    }
    std::ranges::sort(took);
    answer.latency = std::chrono::duration_cast<std::chrono::microseconds>(took[1]);
    co_return answer;
}

std::string milliseconds(std::chrono::microseconds time) {
    return fmt::format("{:.3g} ms", static_cast<double>(time.count()) / 1000);
}

boost::json::object object_in(std::string_view body) {
    auto value = protocols::parse_json(body);
    return value && value->is_object() ? std::move(value->as_object()) : boost::json::object{};
}

// Names in a list of models: Ollama's {"models": [{"name"}]}, or {"data": [{"id"}]}. nullopt: it is no such list.
std::optional<std::vector<std::string>> names_in(const boost::json::object& list, bool is_ollama) {
    const auto* rows = protocols::array_at(list, is_ollama ? "models" : "data");
    if (rows == nullptr) return std::nullopt;
    std::vector<std::string> names;
    for (const auto& row : *rows)
        if (row.is_object()) names.emplace_back(string_at(row.as_object(), is_ollama ? "name" : "id"));
    return names;
}

// "lfm2" is there as "lfm2:latest".
bool has(const std::vector<std::string>& names, const std::string& wanted) {
    return std::ranges::any_of(names, [&](const auto& name) { return name == wanted || name == wanted + ":latest"; });
}

std::string refusal(unsigned status, bool has_key) {
    if (status == 401 || status == 403)
        return has_key ? fmt::format("refuses the key (status {})", status)
                       : fmt::format("asks for a key (status {})", status);
    return fmt::format("answers with status {}", status);
}

class ServerCheck {
public:
    explicit ServerCheck(AskedServer server) : server_(std::move(server)) {}

    asio::awaitable<Checks> run() {
        auto origin = net::Origin::parse(server_.endpoint.url);
        if (!origin) co_return Checks{located(failed(std::string(group), server_.endpoint.url, origin.error()))};
        origin->bearer = server_.endpoint.api_key;
        name_ = server_.endpoint.name.empty() ? origin->name() : server_.endpoint.name;
        const std::string first = is_ollama() ? "/api/version" : origin->base.empty() ? "/v1/models" : "/models";
        net::Client client(co_await asio::this_coro::executor, std::move(*origin));
        auto answer = co_await ask_three_times(client, first);
        if (!answer) co_return Checks{silent(answer.error())};
        if (answer->reply.status != 200) co_return Checks{refused(answer->reply.status)};
        auto list = std::move(answer->reply.body);
        if (is_ollama()) {
            add(CheckState::ok, fmt::format("{}, {}", program_in(list), milliseconds(answer->latency)));
            auto tags = co_await client.fetch({.target = "/api/tags"}, patience, most_body, at_most);
            if (!tags) co_return Checks{silent(tags.error())};
            if (tags->status != 200) co_return Checks{refused(tags->status)};
            list = std::move(tags->body);
        } else {
            const auto program = answer->reply.headers["server"];
            add(CheckState::ok, fmt::format("{}, {}",
                                            program.empty() ? "it does not tell its version"
                                                            : protocols::excerpt(std::string_view(program), 60),
                                            milliseconds(answer->latency)));
        }
        look_for_models(list);
        co_return std::move(checks_);
    }

private:
    [[nodiscard]] bool is_ollama() const { return server_.kind == config::BackendKind::ollama_http; }

    static std::string program_in(std::string_view body) {
        const auto object = object_in(body);
        // Another sarai says which Ollama it stands for, and who it is.
        if (const auto own = string_at(object, "sarai"); !own.empty())
            return fmt::format("sarai {}", protocols::excerpt(own, 40));
        const auto version = string_at(object, "version");
        return fmt::format("Ollama {}", version.empty() ? "of unknown version" : protocols::excerpt(version, 40));
    }

    cli::Check located(cli::Check check) const {
        check.place = server_.place;
        return check;
    }
    void add(CheckState state, std::string text, std::string advice = {}) {
        const bool has_place = state != CheckState::ok;
        checks_.push_back(
            {std::string(group), name_, state, std::move(text), std::move(advice), has_place ? server_.place : ""});
    }

    // A server that may sleep is woken by the first request.
    cli::Check silent(const Error& error) const {
        auto check = located(failed(std::string(group), name_, error));
        if (!server_.endpoint.mac.empty()) {
            check.state = CheckState::warn;
            check.advice = "It may sleep: sarai wakes it when it is needed.";
        } else if (check.advice.empty()) {
            check.advice = fmt::format("Start the server, or correct url: {}", server_.endpoint.url);
        }
        return check;
    }
    cli::Check refused(unsigned status) const {
        const bool about_key = status == 401 || status == 403;
        auto text = refusal(status, !server_.endpoint.api_key.empty());
        return located({std::string(group), name_, CheckState::fail, std::move(text),
                        about_key ? "api_key: \"${NAME}\", with the key in the environment or in .env"
                                  : fmt::format("Is it {}? The url may have to end differently.",
                                                is_ollama() ? "an Ollama server" : "an OpenAI-compatible server")});
    }

    void look_for_models(std::string_view body) {
        const auto names = names_in(object_in(body), is_ollama());
        if (!names) {
            add(CheckState::warn, "its list of models cannot be read");
            return;
        }
        for (const auto& use : server_.uses) {
            if (has(*names, use.remote)) {
                checks_.front().text += fmt::format(", has {}", use.remote);
                continue;
            }
            if (is_ollama())
                add(CheckState::fail, fmt::format("has no model {}, which {} needs", use.remote, use.model),
                    fmt::format("On that machine: ollama pull {}", use.remote));
            else  // some answer for names that they do not list
                add(CheckState::warn,
                    fmt::format("does not list {}, which {} needs; it lists {}", use.remote, use.model,
                                names->empty() ? "nothing" : protocols::excerpt(names->front(), 60)),
                    fmt::format("model: {}", names->empty() ? "its name there" : names->front()));
        }
    }

    AskedServer server_;
    std::string name_;
    Checks checks_;
};

}  // namespace

std::vector<AskedServer> servers_of(const cli::Written& written) {
    std::vector<AskedServer> servers;
    for (const auto& model : written.config.models) {
        if (!model.remote || model.retired) continue;
        for (std::size_t i = 0; i < model.remote->endpoints.size(); ++i) {
            const auto& endpoint = model.remote->endpoints[i];
            auto same = std::ranges::find_if(servers, [&](const auto& server) {
                return server.kind == model.remote->kind && server.endpoint.url == endpoint.url &&
                       server.endpoint.api_key == endpoint.api_key;
            });
            if (same == servers.end()) {
                servers.push_back(
                    {.kind = model.remote->kind,
                     .endpoint = endpoint,
                     .uses = {},
                     .place = written.place({"models", model.name, "endpoints", std::to_string(i), "url"})});
                same = std::prev(servers.end());
            }
            same->uses.push_back({.model = model.name, .remote = model.remote->model});
        }
    }
    return servers;
}

asio::awaitable<Checks> look_at_server(AskedServer server) {
    ServerCheck check(std::move(server));
    co_return co_await check.run();
}

asio::awaitable<cli::Check> look_at_search(std::string url, std::string key, std::string place) {
    cli::Check check{.group = std::string(group), .name = "web", .text = {}};
    const auto refused = [&](Error error) {
        check = failed(check.group, check.name, error);
        check.place = place;
        return check;
    };
    auto origin = net::Origin::parse(url);
    if (!origin) co_return refused(std::move(origin.error()));
    origin->bearer = std::move(key);
    const bool has_key = !origin->bearer.empty();
    net::Client client(co_await asio::this_coro::executor, std::move(*origin));
    // Once: behind it are other people's search engines.
    const auto begun = Clock::now();
    const auto reply =
        co_await client.fetch({.target = web::searxng_target("sarai", "en")}, patience, most_body, at_most);
    if (!reply) co_return refused(reply.error());
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
    if (reply->status == 401)
        co_return refused({.code = Code::upstream, .message = url + " " + refusal(reply->status, has_key)});
    const auto hits = web::read_reply(reply->status, reply->body, 20);
    if (!hits) co_return refused(hits.error());
    check.text = fmt::format("{} answers with {} {}, {}", url, hits->size(), hits->size() == 1 ? "result" : "results",
                             milliseconds(took));
    co_return check;
}

asio::awaitable<cli::Check> look_at_url(std::string name, std::string url, std::string bearer, std::string target,
                                        std::string place) {
    auto origin = net::Origin::parse(url);
    if (!origin) co_return failed(std::string(group), name, origin.error());
    origin->bearer = std::move(bearer);
    const bool has_key = !origin->bearer.empty();
    net::Client client(co_await asio::this_coro::executor, std::move(*origin));
    const auto answer = co_await ask_three_times(client, target);
    if (!answer) {
        auto check = failed(std::string(group), name, answer.error());
        check.place = std::move(place);
        co_return check;
    }
    const auto status = answer->reply.status;
    if (status == 401 || status == 403)
        co_return cli::Check{std::string(group), name, CheckState::fail, url + " " + refusal(status, has_key), {},
                             std::move(place)};
    const auto object = object_in(answer->reply.body);
    const auto version = string_at(object, "version");
    co_return cli::Check{
        .group = std::string(group),
        .name = name,
        .text = fmt::format("{} answers{}, {}", url,
                            version.empty() ? "" : fmt::format(", version {}", protocols::excerpt(version, 40)),
                            milliseconds(answer->latency))};
}

}  // namespace sarai::app
