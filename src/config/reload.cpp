#include "config/reload.hpp"

#include <algorithm>
#include <utility>

namespace sarai::config {
namespace {

class Settings {
public:
    explicit Settings(Reloaded& result) : result_(result) {}
    template <class T>
    void apply(const char* key, T& live, const T& fresh) {
        if (live == fresh) return;
        live = fresh;
        result_.settings.emplace_back(key);
    }
    template <class T>
    void leave(const char* key, const T& live, const T& fresh) {
        if (!(live == fresh)) result_.needs_restart.emplace_back(key);
    }

private:
    Reloaded& result_;
};

void reload_settings(Config& live, const Config& fresh, Reloaded& result) {
    Settings settings(result);
    settings.leave("server.listen", std::pair(live.server.address, live.server.port),
                   std::pair(fresh.server.address, fresh.server.port));
    settings.leave("server.max_request_body", live.server.max_request_body, fresh.server.max_request_body);
    settings.leave("server.header_timeout", live.server.header_timeout, fresh.server.header_timeout);
    settings.apply("server.drain_timeout", live.server.drain_timeout, fresh.server.drain_timeout);
    settings.apply("server.heartbeat", live.server.heartbeat, fresh.server.heartbeat);
    settings.apply("server.access_log", live.server.access_log, fresh.server.access_log);
    settings.leave("server.insecure", live.server.insecure, fresh.server.insecure);
    settings.leave("server.tls_certificate", live.server.tls_certificate, fresh.server.tls_certificate);
    settings.leave("server.tls_key", live.server.tls_key, fresh.server.tls_key);
    // Nobody may find the door open because its address is still the old one.
    if (fresh.access.keys.empty() && !live.access.keys.empty() && !live.server.loopback && !live.server.insecure)
        settings.leave("access", live.access, fresh.access);
    else
        settings.apply("access", live.access, fresh.access);
    settings.apply("memory.max_ram", live.memory.max_ram, fresh.memory.max_ram);
    settings.leave("memory.reserve", live.memory.reserve, fresh.memory.reserve);
    settings.apply("memory.max_concurrent_llms", live.memory.max_concurrent_llms, fresh.memory.max_concurrent_llms);
    settings.apply("memory.policy", live.memory.policy, fresh.memory.policy);
    settings.apply("memory.strategy", live.memory.strategy, fresh.memory.strategy);
    settings.leave("memory.enforcement", live.memory.enforcement, fresh.memory.enforcement);
    settings.leave("engine", live.engine, fresh.engine);
    settings.leave("telemetry", live.telemetry, fresh.telemetry);
    settings.leave("library", live.library, fresh.library);
    settings.apply("media", live.media, fresh.media);
    settings.leave("speech.at_once", live.speech.at_once, fresh.speech.at_once);
    auto speech = fresh.speech;
    speech.at_once = live.speech.at_once;
    settings.apply("speech", live.speech, speech);
    settings.apply("web", live.web, fresh.web);
    settings.leave("knowledge", live.knowledge, fresh.knowledge);
    settings.apply("estimates", live.estimates, fresh.estimates);
    settings.leave("routing.weights", live.routing.weights, fresh.routing.weights);
    settings.leave("routing.mini_weights", live.routing.mini_weights, fresh.routing.mini_weights);
    auto routing = fresh.routing;
    routing.weights = live.routing.weights;
    routing.mini_weights = live.routing.mini_weights;
    settings.apply("routing", live.routing, routing);
    settings.apply("pipelines", live.pipelines, fresh.pipelines);
}

}  // namespace

Reloaded reload(Config& live, const Config& fresh) {
    Reloaded result;
    reload_settings(live, fresh, result);
    const auto in_use = [&](const std::string& name) {
        return std::ranges::find_if(live.models,
                                    [&](const Model& model) { return !model.retired && model.name == name; });
    };
    for (auto& model : live.models) {
        if (model.retired || fresh.find(model.name) != nullptr) continue;
        model.retired = true;
        result.removed.push_back(model.name);
    }
    for (const auto& model : fresh.models) {
        const auto old = in_use(model.name);
        if (old != live.models.end() && *old == model) {
            result.kept.push_back(model.name);
            continue;
        }
        (old == live.models.end() ? result.added : result.changed).push_back(model.name);
        if (old != live.models.end()) old->retired = true;
        // What was there before in just this form comes back: clients that make and delete the same models over and
        // over leave nothing behind.
        const auto before = std::ranges::find_if(
            live.models, [&](Model one) { return std::exchange(one.retired, false) && one == model; });
        if (before != live.models.end())
            before->retired = false;
        else
            live.models.push_back(model);
    }
    return result;
}

}  // namespace sarai::config
