#include "gateway/auto_listing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/sha256.hpp"
#include "gateway/router_desk.hpp"

namespace sarai::gateway {
namespace {

namespace json = boost::json;
namespace ollama = protocols::ollama;

// As far as the key may go them.
std::vector<std::pair<std::string_view, std::string>> ways_of(const Shared& shared, const config::ApiKey* key) {
    const auto targets = shared.desk.ways(shared, key);
    std::vector<std::pair<std::string_view, std::string>> ways{
        {"hard", targets.hard}, {"soft", targets.soft}, {"web_query", targets.way(router::Label::web_query)}};
    if (!targets.multimodal.empty()) ways.emplace_back("multimodal", targets.multimodal);
    for (const auto& [route, target] :
         {std::pair{"image", targets.image}, {"audio", targets.audio}, {"mixed", targets.mixed}})
        if (!target.empty()) ways.emplace_back(route, target);
    ways.emplace_back("default", targets.fallback);
    std::erase_if(ways, [&](const auto& way) { return !access::is_listed(key, way.second); });
    return ways;
}

// Would one of its models answer without a load?
bool is_ready(const Shared& shared, const config::ApiKey* key) {
    return std::ranges::any_of(ways_of(shared, key), [&](const auto& way) {
        const auto model = find_model(shared.config, way.second);
        if (!model) return false;
        const auto& core = shared.pool.core();
        return core.local(*model).state == pool::LocalState::ready ||
               std::ranges::any_of(core.models()[*model].endpoints,
                                   [&](auto endpoint) { return core.endpoint(endpoint).up; });
    });
}

std::vector<std::string> capabilities(const Shared& shared, const config::ApiKey* key) {
    std::vector<std::string> can{"completion"};
    const auto multimodal = shared.desk.targets(shared.catalogue).multimodal;
    if (!multimodal.empty() && access::is_listed(key, multimodal)) can.emplace_back("vision");
    return can;
}

ollama::Details no_details() {
    return {.format = "", .family = "router", .parameter_size = {}, .quantization_level = {}};
}

}  // namespace

bool lists_auto(const Shared& shared, const config::ApiKey* key) {
    return shared.desk.is_auto(config::auto_model) && access::is_listed(key, config::auto_model) &&
           std::ranges::any_of(shared.desk.targets(shared.catalogue).all,
                               [&](const auto& model) { return access::is_listed(key, model); });
}

json::object auto_model_json(const Shared& shared, const config::ApiKey* key) {
    json::object leads;
    for (const auto& [route, model] : ways_of(shared, key)) leads[route] = model;
    return {{"id", config::auto_model},
            {"object", "model"},
            {"created", 0},
            {"owned_by", "sarai"},
            {"sarai",
             {{"state", is_ready(shared, key) ? "ready" : "unloaded"},
              {"backend", "router"},
              {"endpoint", nullptr},
              {"kind", "chat"},
              {"planned_bytes", 0},
              {"measured_bytes", 0},
              {"routes", leads}}}};
}

ollama::ModelInfo auto_model_info(const Shared& shared, const config::ApiKey* key) {
    std::string ways;
    for (const auto& [route, model] : ways_of(shared, key)) ways += fmt::format("{} {}\n", route, model);
    return {.name = fmt::format("{}:latest", config::auto_model),
            .modified_at = shared.catalogue.look(shared.config.file).modified,  // it changes with the configuration
            .size = {},
            .digest = sha256_hex(ways),
            .details = no_details(),
            .capabilities = capabilities(shared, key)};
}

ollama::ModelDescription auto_description(const Shared& shared, const config::ApiKey* key) {
    std::string file =
        "# \"auto\" is no model: each prompt is sent to one of these, and the answer's headers say why\n"
        "# (x-sarai-route, x-sarai-scores, x-sarai-reason).\n";
    json::object info{{"general.architecture", "router"}};
    for (const auto& [route, model] : ways_of(shared, key)) {
        file += fmt::format("# {}: {}\n", route, model);
        info[fmt::format("router.{}", route)] = model;
    }
    file += fmt::format("FROM {}\n", config::auto_model);
    return {.modelfile = std::move(file),
            .details = no_details(),
            .model_info = std::move(info),
            .capabilities = capabilities(shared, key),
            .modified_at = shared.catalogue.look(shared.config.file).modified};
}

}  // namespace sarai::gateway
