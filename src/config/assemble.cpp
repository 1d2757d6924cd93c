#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <set>

#include "base/ip_address.hpp"
#include "base/sha256.hpp"
#include "config/keys.hpp"
#include "config/read.hpp"
#include "config/worker_flags.hpp"

namespace sarai::config {
namespace {

// What is no name of a variable may be the key itself, by mistake.
bool is_variable_name(std::string_view text) {
    return text.size() <= 64 &&
           text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == std::string_view::npos;
}

// Those that whisper was trained with (OpenAI's whisper/tokenizer.py).
bool is_language(std::string_view code) {
    static constexpr std::string_view known =
        " auto af am ar as az ba be bg bn bo br bs ca cs cy da de el en es et eu fa fi fo fr gl gu ha haw he hi hr ht "
        "hu "
        "hy id is it ja jw ka kk km kn ko la lb ln lo lt lv mg mi mk ml mn mr ms mt my ne nl nn no oc pa pl ps pt ro "
        "ru "
        "sa sd si sk sl sn so sq sr su sv sw ta te tg th tk tl tr tt uk ur uz vi yi yo yue zh ";
    return !code.contains(' ') && known.contains(fmt::format(" {} ", code));
}

class Assembler {
public:
    Assembler(const Environment& environment, Draft& draft, std::vector<Problem>& problems)
        : environment_(environment), draft_(draft), problems_(problems) {}

    void run() {
        for (auto& model : draft_.models)
            if (model.backend == BackendKind::whisper) model.kind = ModelKind::transcription;
        check_pipelines(draft_, problems_);
        memory();
        nodes();
        api_keys();
        origins();
        media();
        knowledge();
        reach();
        for (auto& model : draft_.models) {
            check_chain(model);
            check_endpoints(model);
            check_on_loss(model);
            check_extra_args(model);
            draft_.config.models.push_back(build(model));
        }
        check_routing(draft_, problems_);
        if (draft_.models.empty()) {
            const auto given = draft_.given.find("models");
            add(given == draft_.given.end() ? Place{} : given->second, "models", "missing", "at least one model");
        }
    }

private:
    void memory() {
        const auto gb = draft_.given.find("memory.max_ram_gb");
        const auto plain = draft_.given.find("memory.max_ram");
        if (gb == draft_.given.end() || plain == draft_.given.end()) return;
        add(plain->second, "memory.max_ram", "given together with max_ram_gb", "one of them");
    }

    void nodes() {
        auto& engine = draft_.config.engine;
        std::set<std::string> seen;
        for (const auto& node : engine.rpc)
            if (!is_host_and_port(node) || !seen.insert(node).second)
                add(place_of("engine.rpc"), "engine.rpc", in_quotes(node), "host:port, each once");
        for (const auto& text : draft_.rpc_split) {
            int share = 0;
            const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), share);
            if (error != std::errc{} || end != text.data() + text.size() || share < 1 || share > 1000)
                add(place_of("engine.rpc_split"), "engine.rpc_split", in_quotes(text), "whole numbers from 1 to 1000");
            engine.rpc_split.push_back(share);
        }
        if (!engine.rpc_split.empty() && engine.rpc_split.size() != engine.rpc.size())
            add(place_of("engine.rpc_split"), "engine.rpc_split", fmt::format("has {} shares", engine.rpc_split.size()),
                fmt::format("one for each of the {} servers in engine.rpc", engine.rpc.size()));
    }

    void api_keys() {
        std::map<std::string, std::string> seen;  // hash → whose
        const auto enter = [&](ApiKey key, Place place, const std::string& path) {
            const auto [first, is_new] = seen.emplace(key.sha256, key.name);
            if (!is_new) add(place, path, fmt::format("has the key of {}", first->second), "a key of its own");
            draft_.config.access.keys.push_back(std::move(key));
        };
        if (!draft_.plain_key.empty())
            enter({.name = "default", .sha256 = sha256_hex(draft_.plain_key), .admin = true},
                  place_of("access.api_key"), "access.api_key");
        // Somebody wanted keys: without any the server would be open to all.
        const bool reported = std::ranges::any_of(
            problems_, [](const Problem& problem) { return problem.path.starts_with("access.keys"); });
        if (draft_.given.contains("access.keys") && draft_.keys.empty() && !reported)
            add(place_of("access.keys"), "access.keys", "no keys", "at least one (see \"sarai key\")");
        for (auto& draft : draft_.keys) {
            const auto path = fmt::format("access.keys.{}", printable(draft.key.name));
            const auto at = [&](const char* name) {
                const auto given = draft.given.find(name);
                return given == draft.given.end() ? draft.place : given->second;
            };
            if (draft.given.contains("models") && draft.key.models.empty())
                add(at("models"), path + ".models", "an empty list", "at least one model, or no such key for all");
            for (const auto& model : draft.key.models)
                if (find(model) == nullptr && model != auto_model && draft_.config.find_pipeline(model) == nullptr &&
                    model != draft_.config.speech.backend)
                    add(at("models"), path + ".models", in_quotes(model), "names of models and pipelines of this file");
            const bool has_hash = draft.given.contains("sha256");
            if (has_hash == draft.given.contains("variable")) {
                add(draft.place, path, has_hash ? "has both sha256 and variable" : "has no key",
                    "sha256 (see \"sarai key\") or variable");
                continue;
            }
            if (has_hash && !is_sha256_hex(draft.key.sha256)) {
                if (!draft.key.sha256.empty())
                    add(at("sha256"), path + ".sha256", "not printed here", "64 hexadecimal digits, 0-9 and a-f");
                continue;
            }
            if (!has_hash) {
                if (draft.variable.empty()) continue;  // was reported
                const auto* secret = environment_.find_filled(draft.variable);
                if (secret == nullptr) {
                    add(at("variable"), path + ".variable",
                        is_variable_name(draft.variable) ? in_quotes(draft.variable) : "not printed here",
                        "a variable that is set in the environment or in .env");
                    continue;
                }
                draft.key.sha256 = sha256_hex(*secret);
            }
            enter(draft.key, draft.place, path);
        }
    }

    void origins() {
        for (const auto& origin : draft_.config.access.cors_origins) {
            const auto rest = origin.find("://");
            const bool fits = rest != std::string::npos && rest > 0 && rest + 3 < origin.size() &&
                              origin.find_first_of("/?#*@ ", rest + 3) == std::string::npos;
            if (origin != "*" && !fits)
                add(place_of("access.cors_origins"), "access.cors_origins", in_quotes(origin),
                    "scheme://host or scheme://host:port, such as https://chat.example, or \"*\"");
        }
        for (const auto& host : draft_.config.access.allowed_hosts)
            if (host != "*" && !is_host_and_port(host + ":1"))
                add(place_of("access.allowed_hosts"), "access.allowed_hosts", in_quotes(host),
                    "a host's name without port, such as sarai.lan, or \"*\"");
    }

    void media() {
        for (const auto& entry : draft_.config.media.allow)
            if (!IpRange::parse(entry) && (entry.contains('/') || !is_host_and_port(entry + ":1")))
                add(place_of("media.allow"), "media.allow", in_quotes(entry),
                    "a host's name, an address or a range of them whose last bits are zero, such as 192.168.1.0/24");
    }

    void knowledge() {
        const auto& [store, model] = draft_.config.knowledge;
        if (store.contains("://") && !store.starts_with("postgresql://") && !store.starts_with("postgres://"))
            add(place_of("knowledge.store"), "knowledge.store", in_quotes(store.substr(0, store.find("://") + 3)),
                "a folder, or postgresql://…");
        if (model.empty()) return;
        const auto found = std::ranges::find(draft_.models, model, &ModelDraft::name);
        if (found != draft_.models.end() && found->kind == ModelKind::embedding) return;
        add(place_of("knowledge.embedding_model"), "knowledge.embedding_model", in_quotes(model),
            "the name of a model of this file whose kind is embedding");
    }

    // Who may reach this server.
    void reach() {
        const auto& server = draft_.config.server;
        // A key that is wrong was reported.
        const bool has_keys = !draft_.keys.empty() || !draft_.plain_key.empty();
        if (!server.loopback && !has_keys && !server.insecure)
            add(place_of("server.listen"), "server.listen",
                in_quotes(fmt::format("{}:{}", server.address, server.port)),
                "an address of this machine alone (127.0.0.1, [::1] or localhost) as long as nobody needs a key: set "
                "SARAI_API_KEY or access.keys, or server.insecure: true if anybody may use it");
        if (server.tls_certificate.empty() != server.tls_key.empty())
            add(place_of(server.tls_key.empty() ? "server.tls_certificate" : "server.tls_key"),
                server.tls_key.empty() ? "server.tls_key" : "server.tls_certificate", "missing",
                "both tls_certificate and tls_key");
    }

    [[nodiscard]] Place place_of(const char* key) const {
        const auto given = draft_.given.find(key);
        return given == draft_.given.end() ? Place{} : given->second;
    }

    void check_chain(const ModelDraft& model) {
        const bool has_path = model.given.contains("path");
        if (!model.backend) {
            if (!model.given.contains("backend")) {
                add(model, "backend", "missing", expected_of(*find_key("models.*.backend")));
            }
            return;  // every rule below depends on it
        }
        const bool hears = *model.backend == BackendKind::whisper;
        const bool local_backend = hears || *model.backend == BackendKind::gguf_native;
        if (local_backend && model.given.contains("fallback")) {
            add(model, "fallback", "given for a local model", "a fallback only behind ollama_http or openai_http");
        }
        if (local_backend && !has_path)
            add(model, "path", "missing",
                hears ? "the file of the model, for backend is whisper" : "the GGUF file, for backend is gguf_native");
        if (!is_language(model.local.language))
            add(model, "language", in_quotes(model.local.language),
                "auto, or the code of a language that whisper has, such as es");
        if (model.pinned && model.ttl.count() > 0) {
            add(model, "ttl", "given for a pinned model", "one of pinned and ttl");
        }
        if (model.local.min_context_length > model.context_length.value_or(model.local.context_length)) {
            add(model, "min_context_length", fmt::format("{}", model.local.min_context_length),
                "at most context_length");
        }
        if (!local_backend && model.fallback && !has_path) {
            add(model, "path", "missing", "the GGUF file, for fallback is gguf_native");
        }
        if (model.sharded && draft_.config.engine.rpc.empty())
            add(model, "sharded", "no servers to spread over", "engine.rpc, a list of ggml-rpc-servers");
        for (const auto& [key, wanted] : {std::pair{"warm_takeover", model.warm_takeover}, {"hedge", model.hedge}})
            if (wanted && !local_backend && !(model.preload && (model.fallback || model.on_loss_fallback == "local")))
                add(model, key, "would have no effect", "fallback: gguf_native and preload: true beside it");
        if (*model.backend == BackendKind::ollama_http && model.kind == ModelKind::rerank)
            add(model, "kind", "rerank",
                "chat or embedding for backend is ollama_http, since Ollama ranks no documents");
        if (*model.backend == BackendKind::openai_http && !model.given.contains("endpoints")) {
            add(model, "endpoints", "missing", "a list of servers, for backend is openai_http");
        }
        if (*model.backend == BackendKind::openai_http && model.given.contains("keep_alive")) {
            add(model, "keep_alive", "would have no effect", "backend ollama_http beside it");
        }
        // A fallback that is misspelt was reported; that its file is then unused would be the same problem again.
        const bool local_used = local_backend || model.given.contains("fallback") || model.on_loss_fallback == "local";
        for (const Key& key : keys()) {
            if (!key.path.starts_with("models.*.")) continue;
            const std::string name(key.path.substr(std::string_view("models.*.").size()));
            if (!model.given.contains(name)) continue;
            if (key.scope == Scope::remote && local_backend) {
                add(model, name, "would have no effect", "backend ollama_http or openai_http beside it");
            } else if ((key.scope == Scope::local || key.scope == Scope::gguf) && !local_used) {
                add(model, name, "would have no effect", "backend gguf_native or fallback gguf_native beside it");
            } else if (hears && (key.scope == Scope::gguf || name == "kind" || name == "context_length")) {
                add(model, name, "would have no effect",
                    "no such key for backend is whisper, which hears and nothing else");
            } else if (key.scope == Scope::whisper && !hears) {
                add(model, name, "would have no effect", "backend whisper beside it");
            }
        }
        if (draft_.config.memory.strategy == "native_gguf" && !local_used) {
            add(model, "backend", "has no local file", "a fallback with path, for memory.strategy is native_gguf");
        }
    }

    void check_endpoints(const ModelDraft& model) {
        std::set<std::string> urls;
        for (std::size_t i = 0; i < model.endpoints.size(); ++i) {
            const auto at = fmt::format("endpoints[{}]", i);
            const auto& url = model.endpoints[i].url;
            if (url.empty() && !model.given.contains(at + ".url") && model.given.contains(at)) {
                if (is_reported(model, at)) continue;
                add(model, at + ".url", "missing", expected_of(*find_key("models.*.endpoints[].url")));
            } else if (!url.empty() && !urls.insert(url).second) {
                add(model, at + ".url", in_quotes(url), "every server once");
            }
            const auto& endpoint = model.endpoints[i];
            if (!endpoint.mac.empty() && !parse_mac(endpoint.mac))
                add(model, at + ".mac", in_quotes(endpoint.mac), "a MAC address such as aa:bb:cc:dd:ee:ff");
            if (!parse_ipv4_address(endpoint.wake_address))
                add(model, at + ".wake_address", in_quotes(endpoint.wake_address),
                    "an IPv4 address and a port, such as 192.168.1.255:9");
            else if (endpoint.mac.empty() && endpoint.wake_address != Endpoint{}.wake_address)
                add(model, at + ".wake_address", "would have no effect", "mac beside it");
        }
    }

    [[nodiscard]] const ModelDraft* find(std::string_view name) const {
        const auto found = std::ranges::find(draft_.models, name, &ModelDraft::name);
        return found == draft_.models.end() ? nullptr : &*found;
    }

    void check_on_loss(const ModelDraft& model) {
        if (const auto& wanted = model.on_loss_fallback; wanted && *wanted != "refuse") {
            const auto* other = *wanted == "local" ? &model : find(*wanted);
            if (other == nullptr || (*wanted != "local" && other == &model))
                add(model, "on_loss.fallback", in_quotes(*wanted), "local, refuse or the name of another model");
            else if (*wanted == "local" && !model.given.contains("path"))
                add(model, "path", "missing", "the GGUF file, for on_loss.fallback is local");
            else if (other->kind != model.kind)
                add(model, "on_loss.fallback", in_quotes(*wanted), "a model of the same kind");
            if (model.fallback && *wanted != "local")
                add(model, "on_loss.fallback", in_quotes(*wanted), "local, for fallback is gguf_native");
        }
        std::set<std::string> seen;
        for (const auto& name : model.may_displace) {
            const auto* other = find(name);
            if (other == nullptr || other == &model || !seen.insert(name).second)
                add(model, "on_loss.may_displace", in_quotes(name), "other models of this file, each once");
        }
        const bool displaces_for_nothing =
            !model.may_displace.empty() && !model.fallback && model.on_loss_fallback.value_or("refuse") != "local";
        if (displaces_for_nothing)
            add(model, "on_loss.may_displace", "would have no effect", "on_loss.fallback: local beside it");
    }

    void check_extra_args(const ModelDraft& model) {
        for (const auto& argument : model.local.extra_args) {
            const auto own = own_flag(argument);
            if (!own) continue;
            add(model, "extra_args", fmt::format("has {}, which sarai sets", in_quotes(argument)),
                own->key.empty() ? fmt::format("nothing: {}", own->why) : fmt::format("the key {} instead", own->key));
        }
    }

    Model build(const ModelDraft& draft) {
        Model model{.name = draft.name,
                    .kind = draft.kind,
                    .on_loss = {.fallback = draft.on_loss_fallback.value_or(draft.fallback ? "local" : "refuse"),
                                .may_displace = draft.may_displace},
                    .queue = draft.queue,
                    .pinned = draft.pinned,
                    .preload = draft.preload,
                    .warm_takeover = draft.warm_takeover,
                    .hedge = draft.hedge,
                    .priority = draft.priority,
                    .ttl = draft.ttl,
                    .estimated_ram = draft.estimated_ram};
        const bool hears = draft.backend == BackendKind::whisper;
        const bool local_backend = hears || draft.backend == BackendKind::gguf_native;
        if (local_backend || draft.fallback || draft.on_loss_fallback == "local") {
            model.local = draft.local;
            model.local->whisper = hears;
            if (draft.context_length) model.local->context_length = *draft.context_length;
            if (draft.sharded) {
                model.local->nodes = draft_.config.engine.rpc;
                model.local->split = draft_.config.engine.rpc_split;
            }
        }
        const bool prefer_local = !draft.prefer_http || draft_.config.memory.strategy == "native_gguf";
        if (local_backend || !draft.backend || (prefer_local && model.local)) return model;
        model.remote = RemoteModel{.kind = *draft.backend,
                                   .endpoints = draft.endpoints,
                                   .model = draft.remote_name.value_or(draft.name),
                                   .context_length = draft.context_length,
                                   .keep_alive = draft.keep_alive,
                                   .budgets = draft.budgets,
                                   .wan = draft.wan,
                                   .continues = draft.continues};
        if (draft.backend == BackendKind::ollama_http && !draft.given.contains("endpoints")) {
            model.remote->endpoints = ollama_default();
        }
        // An Ollama box answers a few at once and queues the others, where they would wait behind each other unseen.
        for (std::size_t i = 0; i < model.remote->endpoints.size(); ++i)
            if (!draft.given.contains(fmt::format("endpoints[{}].capacity", i)))
                model.remote->endpoints[i].capacity = draft.backend == BackendKind::ollama_http ? 2 : 0;
        return model;
    }

    std::vector<Endpoint> ollama_default() {
        const auto* text = environment_.find_filled("OLLAMA_BASE_URL");
        const auto url = parse_url(text == nullptr ? default_ollama_url : std::string_view(*text));
        if (url) return {{.url = url->text, .api_key = {}, .name = fmt::format("{}:{}", url->host, url->port)}};
        if (!ollama_reported_) {
            const auto meant = "http://" + *text;
            const bool helps = !text->contains("://") && parse_url(meant);
            problems_.push_back({.path = "environment OLLAMA_BASE_URL",
                                 .value = in_quotes(without_user(*text)),
                                 .expected = expected_of(*find_key("models.*.endpoints[].url")),
                                 .suggestion = helps ? meant : ""});
            ollama_reported_ = true;
        }
        return {};
    }

    [[nodiscard]] bool is_reported(const ModelDraft& model, const std::string& name) const {
        const auto path = fmt::format("models.{}.{}", model.name, name);
        for (const auto& problem : problems_) {
            if (problem.path == path) return true;
        }
        return false;
    }
    void add(const ModelDraft& model, const std::string& name, std::string value, std::string expected) {
        // What is missing is reported where the innermost section around it stands.
        auto given = model.given.find(name);
        for (auto end = name.rfind('.'); given == model.given.end() && end != std::string::npos;) {
            given = model.given.find(name.substr(0, end));
            end = end == 0 ? std::string::npos : name.rfind('.', end - 1);
        }
        add(given == model.given.end() ? model.place : given->second,
            fmt::format("models.{}.{}", printable(model.name), name), std::move(value), std::move(expected));
    }
    void add(Place place, std::string path, std::string value, std::string expected) {
        problems_.push_back({.path = std::move(path),
                             .line = place.line,
                             .column = place.column,
                             .value = std::move(value),
                             .expected = std::move(expected)});
    }

    const Environment& environment_;
    Draft& draft_;
    std::vector<Problem>& problems_;
    bool ollama_reported_ = false;
};

}  // namespace

void assemble(const Environment& environment, Draft& draft, std::vector<Problem>& problems) {
    Assembler(environment, draft, problems).run();
}

}  // namespace sarai::config
