#include "gateway/models.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <boost/beast/core/string.hpp>

#include "base/nearest.hpp"

namespace sarai::gateway {
namespace asio = boost::asio;

std::string_view backend_name(config::BackendKind kind) {
    switch (kind) {
        case config::BackendKind::gguf_native: return "gguf_native";
        case config::BackendKind::ollama_http: return "ollama_http";
        case config::BackendKind::openai_http: return "openai_http";
        case config::BackendKind::whisper: return "whisper";
    }
    return "gguf_native";
}

std::string_view backend_name(const config::Config& config, const pool::Route& route) {
    const auto& model = config.models[route.model];
    return backend_name(route.endpoint ? model.remote->kind : config::backend_of(*model.local));
}

Result<pool::ModelIndex> find_model(const config::Config& config, std::string_view name) {
    const auto by_name = [&](std::string_view wanted, auto same) {
        return std::ranges::find_if(config.models,
                                    [&](const auto& model) { return !model.retired && same(model.name, wanted); });
    };
    // Ollama's clients do not mind the case of a name.
    const auto same_text = [](std::string_view a, std::string_view b) { return a == b; };
    const auto same_word = [](std::string_view a, std::string_view b) { return boost::beast::iequals(a, b); };
    const auto bare = name.ends_with(":latest") ? name.substr(0, name.size() - 7) : name;
    auto found = by_name(name, same_text);
    if (found == config.models.end()) found = by_name(bare, same_text);
    if (found == config.models.end()) found = by_name(bare, same_word);
    if (found != config.models.end()) return static_cast<pool::ModelIndex>(found - config.models.begin());
    std::vector<std::string_view> names;
    for (const auto& model : config.models)
        if (!model.retired) names.push_back(model.name);
    const auto meant = nearest(bare, names);
    return std::unexpected(
        Error{.code = Code::not_found,
              .message = fmt::format("model '{}' not found", name.substr(0, 128)),
              .hint = fmt::format("{}Configured are: {}.", meant ? fmt::format("Did you mean {}? ", *meant) : "",
                                  fmt::join(names, ", ")),
              .field = "model"});
}

pool::ModelIndex who_serves(const config::Config& config, pool::ModelIndex model) {
    const auto& base = config.models[model].served_by;
    if (base.empty()) return model;
    return find_model(config, base).value_or(model);
}

Result<void> take_down(std::string_view name, const Shared& shared, bool drain) {
    const auto model = find_model(shared.config, name);
    if (!model) return std::unexpected(model.error());
    const auto serving = who_serves(shared.config, *model);
    if (shared.config.models[serving].pinned)
        return fail(Code::busy,
                    fmt::format("model '{}' is pinned and stays loaded", shared.config.models[serving].name));
    const auto state = shared.pool.core().local(serving).state;
    if (state == pool::LocalState::measuring || state == pool::LocalState::queued)
        return fail(
            Code::busy,
            fmt::format("model '{}' is not loaded yet, but somebody waits for it", shared.config.models[serving].name),
            "Ask again when it is loaded.");
    if (!drain) return shared.pool.unload(serving);
    shared.pool.drain(serving);
    return {};
}

std::optional<std::chrono::milliseconds> stay_of(const llm::Request& request) {
    if (!request.keep_alive) return std::nullopt;
    return request.keep_alive->count() < 0 ? pool::Ask::for_ever : *request.keep_alive;
}

asio::awaitable<Result<void>> bring_up(std::string name, Shared shared, bool here,
                                       std::optional<std::chrono::milliseconds> keep_alive) {
    const auto model = find_model(shared.config, name);
    if (!model) co_return std::unexpected(model.error());
    auto lease =
        co_await shared.pool.acquire(who_serves(shared.config, *model), {.here = here, .keep_alive = keep_alive});
    if (!lease) co_return std::unexpected(lease.error());
    co_return Result<void>{};
}

}  // namespace sarai::gateway
