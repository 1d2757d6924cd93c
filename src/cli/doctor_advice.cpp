#include "cli/doctor_advice.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "config/place.hpp"

namespace sarai::cli {
namespace {

using memory::ScenarioKind;

// Bits of a value in the cache: a block of 32 has a scale of 16 bits.
constexpr std::int64_t bits_of_f16 = 16 * 32;
constexpr std::int64_t bits_of_q8_0 = 8 * 32 + 16;

class Adviser {
public:
    Adviser(const Written& written, const PlanReport* plan) : written_(written), plan_(plan) {}

    std::vector<Check> all() {
        network();
        start();
        for (const auto& model : written_.config.models) {
            if (model.retired || model.brought) continue;
            pinned(model);
            loss(model);
            keys_in_clear(model);
        }
        if (plan_ != nullptr) caches();
        return std::move(checks_);
    }

private:
    void add(std::string name, std::string text, std::string advice, std::string place) {
        checks_.push_back({.group = "advice",
                           .name = std::move(name),
                           .state = CheckState::warn,
                           .text = std::move(text),
                           .advice = std::move(advice),
                           .place = std::move(place)});
    }

    void network() {
        const auto& server = written_.config.server;
        if (server.loopback) return;
        if (server.tls_certificate.empty())
            add("server",
                fmt::format("Others reach {} without TLS: prompts, answers and keys can be read on the way.",
                            server.address),
                "tls_certificate: cert.pem and tls_key: key.pem, or a proxy that speaks TLS in front",
                written_.place({"server", "listen"}));
        if (written_.config.access.keys.empty())
            add("server", "Whoever reaches it may use it: it asks for no key.",
                "access: {keys: {NAME: {sha256: …}}}; \"sarai key NAME\" makes one",
                written_.place({"server", "insecure"}));
    }

    // Models that are to be loaded at the start, against what may be loaded.
    void start() {
        const auto most = written_.config.memory.max_concurrent_llms;
        const auto wanted = std::ranges::count_if(written_.config.models, [](const auto& model) {
            return !model.retired && model.kind == config::ModelKind::chat && model.local && model.preload;
        });
        if (wanted > most)
            add("memory",
                fmt::format("{} generative models are to be loaded at the start, but {} may be loaded at once.", wanted,
                            most),
                fmt::format("max_concurrent_llms: {}", wanted), written_.place({"memory", "max_concurrent_llms"}));
    }

    void pinned(const config::Model& model) {
        if (!model.pinned || model.preload || model.remote) return;
        add(model.name, "It is never displaced, but loaded by the first request, which waits for it.", "preload: true",
            written_.place({"models", model.name, "pinned"}));
    }

    // Another model of its kind that runs here whatever happens to servers.
    const config::Model* stand_in(const config::Model& lost) const {
        const auto found = std::ranges::find_if(written_.config.models, [&](const auto& model) {
            return model.name != lost.name && model.kind == lost.kind && model.local && !model.remote && !model.retired;
        });
        return found == written_.config.models.end() ? nullptr : &*found;
    }

    void loss(const config::Model& model) {
        if (!model.remote || model.on_loss.fallback != "refuse" || model.remote->endpoints.size() > 1) return;
        if (written_.says({"models", model.name, "on_loss"})) return;
        // Vectors of another model would not fit those that clients have kept.
        if (model.kind == config::ModelKind::embedding) return;
        const auto* other = stand_in(model);
        if (other == nullptr) return;
        add(model.name, "While its only server is lost, requests for it are refused.",
            fmt::format("on_loss: {{fallback: {}}}, or on_loss: {{fallback: refuse}} if that is meant", other->name),
            written_.place({"models", model.name}));
    }

    void keys_in_clear(const config::Model& model) {
        if (!model.remote) return;
        for (std::size_t i = 0; i < model.remote->endpoints.size(); ++i) {
            const auto& endpoint = model.remote->endpoints[i];
            if (endpoint.api_key.empty() || !endpoint.url.starts_with("http://")) continue;
            const auto host = std::string_view(endpoint.url).substr(7);
            if (host.starts_with("127.") || host.starts_with("localhost") || host.starts_with("[::1]")) continue;
            add(model.name, fmt::format("Its key goes to {} in clear text.", endpoint.url),
                fmt::format("url: https://{}, if the server speaks TLS", host),
                written_.place({"models", model.name, "endpoints", std::to_string(i), "url"}));
        }
    }

    // Where the configured set is more than the budget: caches that can be halved.
    void caches() {
        const auto configured = std::ranges::find(plan_->scenarios, ScenarioKind::hybrid, &memory::Scenario::kind);
        if (configured == plan_->scenarios.end() || !configured->planned) return;
        const auto missing = configured->needed(plan_->limits) - plan_->limits.budget;
        if (missing <= Bytes{}) return;
        for (std::size_t i = 0; i < plan_->models.size(); ++i) {
            const auto* model = written_.config.find(plan_->models[i].name);
            const auto& planned = plan_->models[i].local;
            if (!configured->is_here(i) || model == nullptr || !model->local || !planned || !*planned) continue;
            if (model->local->kv_cache_type != "f16" || !(*planned)->kv_quantisable) continue;
            const auto cache = std::ranges::find((*planned)->lines, "kv_cache", &memory::PlanLine::what);
            if (cache == (*planned)->lines.end()) continue;
            const Bytes saved{cache->bytes.count * (bits_of_f16 - bits_of_q8_0) / bits_of_f16};
            if (saved < MiB(1)) continue;
            add(model->name,
                fmt::format("A cache of q8_0 saves {} of the {} that are missing.", to_string(saved),
                            to_string(missing)),
                "kv_cache_type: q8_0", written_.place({"models", model->name, "kv_cache_type"}));
        }
    }

    const Written& written_;
    const PlanReport* plan_;
    std::vector<Check> checks_;
};

}  // namespace

std::string Written::place(std::initializer_list<std::string_view> keys) const {
    const auto found = config::find_place(file, keys);
    return found.line == 0 ? config.file.string() : fmt::format("{}:{}", config.file.string(), found.line);
}

bool Written::says(std::initializer_list<std::string_view> keys) const { return config::find_place(file, keys).whole; }

std::vector<Check> advise(const Written& written, const PlanReport* plan) { return Adviser(written, plan).all(); }

}  // namespace sarai::cli
