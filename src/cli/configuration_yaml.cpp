#include "cli/configuration_yaml.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <chrono>
#include <utility>
#include <vector>

#include "cli/pipelines_yaml.hpp"
#include "cli/yaml_section.hpp"
#include "config/problem.hpp"

namespace sarai::cli {
namespace {

// Of a model, or of a section.
std::string api_key_variable(const std::string& owner) {
    std::string name;
    for (const char c : owner)
        name += std::isalnum(static_cast<unsigned char>(c)) != 0
                    ? static_cast<char>(std::toupper(static_cast<unsigned char>(c)))
                    : '_';
    return "\"${SARAI_" + name + "_API_KEY:-}\"";
}

void add_remote(Section& section, const config::Model& model) {
    const auto& remote = *model.remote;
    std::string servers;
    for (const auto& endpoint : remote.endpoints) {
        servers += fmt::format("{}{{url: {}, name: {}", servers.empty() ? "" : ", ", in_double_quotes(endpoint.url),
                               in_double_quotes(endpoint.name));
        if (!endpoint.api_key.empty()) servers += ", api_key: " + api_key_variable(model.name);
        if (endpoint.capacity != (remote.kind == config::BackendKind::ollama_http ? 2 : 0))
            servers += fmt::format(", capacity: {}", endpoint.capacity);
        if (endpoint.weight != 1) servers += fmt::format(", weight: {}", endpoint.weight);
        if (!endpoint.mac.empty()) servers += ", mac: " + in_double_quotes(endpoint.mac);
        if (endpoint.wake_address != config::Endpoint{}.wake_address)
            servers += ", wake_address: " + in_double_quotes(endpoint.wake_address);
        servers += "}";
    }
    section.add("endpoints", "[" + servers + "]");
    section.add("model", in_double_quotes(remote.model));
    if (remote.keep_alive) section.add("keep_alive", in_double_quotes(*remote.keep_alive));
    if (remote.wan != "use") section.add("wan", remote.wan);
    section.add_changed("continues_answers", remote.continues, false, truth);
    section.add("on_loss", fmt::format("{{fallback: {}{}}}", in_double_quotes(model.on_loss.fallback),
                                       model.on_loss.may_displace.empty()
                                           ? ""
                                           : ", may_displace: " + list_of(model.on_loss.may_displace)));
    if (!model.local && remote.context_length) section.add("context_length", number(*remote.context_length));
}

void add_local(Section& section, const config::Model& model) {
    const auto& local = *model.local;
    section.add("path", in_double_quotes(local.path.string()));
    if (local.whisper) {
        section.add_changed("language", local.language, std::string("auto"),
                            [](const std::string& text) { return text; });
        section.add_changed("threads", local.threads, 0, number);
        return;
    }
    if (local.mmproj) section.add("mmproj", in_double_quotes(local.mmproj->string()));
    if (!local.mmproj_on_demand) section.add("mmproj_load", "always");
    section.add_changed("mmproj_ttl", local.mmproj_ttl, std::chrono::milliseconds{}, time_text);
    // Ollama would get it as num_ctx, which it has not been given.
    if (!model.remote || model.remote->context_length) section.add("context_length", number(local.context_length));
    section.add("parallel", number(local.parallel));
    section.add("kv_cache_type", local.kv_cache_type);
    section.add("prompt_cache", exact(local.prompt_cache));
    section.add("batch", number(local.batch));
    section.add("load_mode", local.load_mode);
    section.add_changed("threads", local.threads, 0, number);
    section.add_changed("min_context_length", local.min_context_length, 0, number);
    if (local.kv_cache_type_fallback) section.add("kv_cache_type_fallback", *local.kv_cache_type_fallback);
    std::vector<std::string> others;
    for (const auto& file : local.alternatives) others.push_back(file.string());
    if (!others.empty()) section.add("alternatives", list_of(others));
    section.add_changed("sharded", !local.nodes.empty(), false, truth);
    if (!local.extra_args.empty()) section.add("extra_args", list_of(local.extra_args));
}

void add_timeouts(Section& section, const config::Model& model) {
    std::string text;
    const auto add = [&](const char* key, std::chrono::milliseconds value, std::chrono::milliseconds usual) {
        if (value != usual) text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, exact(value));
    };
    if (model.local) add("load", model.local->load_timeout, config::LocalModel{}.load_timeout);
    if (model.remote) {
        const auto& budgets = model.remote->budgets;
        const config::TimeBudgets usual;
        add("connect", budgets.connect, usual.connect);
        add("first_token", budgets.first_token, usual.first_token);
        add("silence", budgets.silence, usual.silence);
        add("total", budgets.total, usual.total);
    }
    if (!text.empty()) section.add("timeouts", "{" + text + "}");
}

std::string model_yaml(const config::Model& model) {
    Section section("    ");
    section.add("backend", model.local && model.local->whisper                      ? "whisper"
                           : !model.remote                                          ? "gguf_native"
                           : model.remote->kind == config::BackendKind::ollama_http ? "ollama_http"
                                                                                    : "openai_http");
    if (model.kind != config::ModelKind::chat && model.kind != config::ModelKind::transcription)
        section.add("kind", std::string(config::name_of(model.kind)));
    if (model.remote) add_remote(section, model);
    if (model.local) add_local(section, model);
    section.add_changed("pinned", model.pinned, false, truth);
    section.add_changed("preload", model.preload, false, truth);
    if (model.remote) {
        section.add_changed("warm_takeover", model.warm_takeover, false, truth);
        section.add_changed("hedge", model.hedge, false, truth);
    }
    section.add_changed("priority", model.priority, 50, number);
    if (model.local) section.add_changed("ttl", model.ttl, std::chrono::milliseconds{}, time_text);
    if (model.estimated_ram) section.add("estimated_ram", exact(*model.estimated_ram));
    const config::Queue queue;
    if (model.queue.length != queue.length || model.queue.max_wait != queue.max_wait)
        section.add("queue",
                    fmt::format("{{length: {}, max_wait: {}}}", model.queue.length, exact(model.queue.max_wait)));
    add_timeouts(section, model);
    return fmt::format("  {}:\n{}", in_double_quotes(model.name), section.text());
}

std::string server_yaml(const config::Server& server) {
    const config::Server usual;
    Section section("  ");
    const auto address = server.address.contains(':') ? "[" + server.address + "]" : server.address;
    section.add("listen", in_double_quotes(fmt::format("{}:{}", address, server.port)));
    section.add_changed("max_request_body", server.max_request_body, usual.max_request_body, size_text);
    section.add_changed("header_timeout", server.header_timeout, usual.header_timeout, time_text);
    section.add_changed("drain_timeout", server.drain_timeout, usual.drain_timeout, time_text);
    section.add_changed("heartbeat", server.heartbeat, usual.heartbeat, time_text);
    section.add_changed("access_log", server.access_log, usual.access_log,
                        [](const std::string& text) { return text; });
    section.add_changed("insecure", server.insecure, false, truth);
    if (!server.tls_certificate.empty())
        section.add("tls_certificate", in_double_quotes(server.tls_certificate.string()));
    if (!server.tls_key.empty()) section.add("tls_key", in_double_quotes(server.tls_key.string()));
    return "server:\n" + section.text();
}

std::string memory_yaml(const config::Memory& memory) {
    Section section("  ");
    if (memory.max_ram) section.add("max_ram", exact(*memory.max_ram));
    section.add("reserve", exact(memory.reserve));
    section.add("max_concurrent_llms", number(memory.max_concurrent_llms));
    section.add("strategy", memory.strategy);
    section.add("policy", memory.policy);
    if (memory.enforcement != config::Memory{}.enforcement) section.add("enforcement", memory.enforcement);
    return "memory:\n" + section.text();
}

std::string engine_yaml(const config::Engine& engine) {
    Section section("  ");
    if (engine.server_binary != config::Engine{}.server_binary)
        section.add("server_binary", in_double_quotes(engine.server_binary));
    if (!engine.rpc.empty()) section.add("rpc", list_of(engine.rpc));
    if (!engine.rpc_split.empty()) section.add("rpc_split", fmt::format("[{}]", fmt::join(engine.rpc_split, ", ")));
    section.add_filled("runtime_dir", engine.runtime_dir.string());
    section.add_filled("state_dir", engine.state_dir.string());
    return section.text().empty() ? "" : "engine:\n" + section.text();
}

std::string telemetry_yaml(const config::Telemetry& telemetry) {
    Section section("  ");
    section.add_filled("otlp_endpoint", telemetry.otlp_endpoint);
    return section.text().empty() ? "" : "telemetry:\n" + section.text();
}

std::string library_yaml(const config::Library& library) {
    Section section("  ");
    section.add_filled("path", library.path.string());
    section.add_changed("hugging_face", library.hugging_face, config::Library{}.hugging_face, in_double_quotes);
    std::string sources;
    for (const auto& source : library.sources)
        sources += fmt::format("\n    {}: {{url: {}}}", in_double_quotes(source.name), in_double_quotes(source.url));
    if (!sources.empty()) section.add("sources", sources);
    return section.text().empty() ? "" : "library:\n" + section.text();
}

std::string media_yaml(const config::Media& media) {
    const config::Media usual;
    Section section("  ");
    section.add_changed("fetch", media.fetch, usual.fetch, truth);
    if (!media.allow.empty()) section.add("allow", list_of(media.allow));
    section.add_changed("max_bytes", media.max_bytes, usual.max_bytes, size_text);
    if (media.max_pixels != usual.max_pixels) section.add("max_pixels", std::to_string(media.max_pixels));
    section.add_changed("timeout", media.timeout, usual.timeout, time_text);
    section.add_changed("max_redirects", media.max_redirects, usual.max_redirects, number);
    section.add_changed("max_video_frames", media.max_video_frames, usual.max_video_frames, number);
    return section.text().empty() ? "" : "media:\n" + section.text();
}

std::string web_yaml(const config::Web& web) {
    const config::Web usual;
    Section section("  ");
    section.add_filled("url", web.url);
    if (!web.api_key.empty()) section.add("api_key", api_key_variable("web"));
    section.add_changed("timeout", web.timeout, usual.timeout, time_text);
    section.add_changed("pages", web.pages, usual.pages, number);
    section.add_changed("max_page_bytes", web.max_page_bytes, usual.max_page_bytes, size_text);
    section.add_changed("ttl", web.ttl, usual.ttl, time_text);
    section.add_changed("ttl_fresh", web.ttl_fresh, usual.ttl_fresh, time_text);
    if (!web.audit_log.empty()) section.add("audit_log", in_double_quotes(web.audit_log.string()));
    return section.text().empty() ? "" : "web:\n" + section.text();
}

std::string knowledge_yaml(const config::Knowledge& knowledge) {
    Section section("  ");
    if (!knowledge.store.empty()) section.add("store", in_double_quotes(knowledge.store));
    if (!knowledge.embedding_model.empty()) section.add("embedding_model", in_double_quotes(knowledge.embedding_model));
    return section.text().empty() ? "" : "knowledge:\n" + section.text();
}

std::string speech_yaml(const config::Speech& speech) {
    const config::Speech usual;
    Section section("  ");
    if (speech.default_voice != usual.default_voice) section.add("default_voice", speech.default_voice);
    if (speech.max_input != usual.max_input) section.add("max_input", std::to_string(speech.max_input));
    section.add_changed("at_once", speech.at_once, usual.at_once, number);
    section.add_changed("timeout", speech.timeout, usual.timeout, time_text);
    return section.text().empty() ? "" : "speech:\n" + section.text();
}

std::string estimates_yaml(const config::Estimates& estimates) {
    Section section("  ");
    if (estimates.native) section.add("native", exact(*estimates.native));
    if (estimates.hybrid) section.add("hybrid", exact(*estimates.hybrid));
    if (estimates.system) section.add("system", exact(*estimates.system));
    return section.text().empty() ? "" : "estimates:\n" + section.text();
}

std::string rule_yaml(const config::RoutingRule& rule) {
    std::string text;
    const auto add = [&](const char* key, const std::string& value) {
        text += fmt::format("{}{}: {}", text.empty() ? "" : ", ", key, value);
    };
    if (!rule.language.empty()) add("language", rule.language);
    if (!rule.attachment.empty()) add("attachment", rule.attachment);
    if (rule.min_size > 0) add("min_size", fmt::format("{}B", rule.min_size));
    if (rule.max_size) add("max_size", fmt::format("{}B", *rule.max_size));
    if (rule.tools) add("tools", truth(*rule.tools));
    add("model", in_double_quotes(rule.model));
    return "{" + text + "}";
}

std::string routing_yaml(const config::Routing& routing) {
    const config::Routing usual;
    Section section("  ");
    section.add_changed("enabled", routing.enabled, usual.enabled, truth);
    for (const auto& [key, name] : {std::pair{"hard", &routing.hard},
                                    {"soft", &routing.soft},
                                    {"web_query", &routing.web_query},
                                    {"multimodal", &routing.multimodal},
                                    {"image", &routing.image},
                                    {"audio", &routing.audio},
                                    {"mixed", &routing.mixed},
                                    {"web", &routing.web},
                                    {"default", &routing.fallback}})
        if (!name->empty()) section.add(key, in_double_quotes(*name));
    Section thresholds("    ");
    thresholds.add_changed("hard", routing.thresholds.hard, usual.thresholds.hard, fraction);
    thresholds.add_changed("soft", routing.thresholds.soft, usual.thresholds.soft, fraction);
    thresholds.add_changed("web_query", routing.thresholds.web_query, usual.thresholds.web_query, fraction);
    thresholds.add_changed("mixed", routing.thresholds.mixed, usual.thresholds.mixed, fraction);
    if (routing.thresholds.familiar) thresholds.add("familiar", fraction(*routing.thresholds.familiar));
    if (!thresholds.text().empty())
        section.add("thresholds", "\n" + thresholds.text().substr(0, thresholds.text().size() - 1));
    section.add_changed("alpha", routing.alpha, usual.alpha, fraction);
    section.add_changed("beta", routing.beta, usual.beta, fraction);
    section.add_changed("keep", routing.keep, usual.keep, truth);
    section.add_changed("topic_change", routing.topic_change, usual.topic_change, fraction);
    section.add_changed("store_prompts", routing.store_prompts, usual.store_prompts, truth);
    if (!routing.weights.empty()) section.add("weights", in_double_quotes(routing.weights.string()));
    if (!routing.mini_weights.empty()) section.add("mini_weights", in_double_quotes(routing.mini_weights.string()));
    std::string rules;
    for (const auto& rule : routing.rules) rules += "\n    - " + rule_yaml(rule);
    if (!rules.empty()) section.add("rules", rules);
    return section.text().empty() ? "" : "routing:\n" + section.text();
}

std::string access_yaml(const config::Access& access) {
    Section section("  ");
    std::string keys;
    for (const auto& key : access.keys) {
        Section one("      ");
        one.add("sha256", key.sha256);
        one.add_changed("admin", key.admin, false, truth);
        one.add_changed("requests_per_minute", key.requests_per_minute, 0, number);
        if (key.tokens_per_minute > 0) one.add("tokens_per_minute", std::to_string(key.tokens_per_minute));
        one.add_changed("concurrency", key.concurrency, 0, number);
        if (!key.models.empty()) one.add("models", list_of(key.models));
        keys += fmt::format("    {}:\n{}", in_double_quotes(key.name), one.text());
    }
    if (!access.cors_origins.empty()) section.add("cors_origins", list_of(access.cors_origins));
    if (!access.allowed_hosts.empty()) section.add("allowed_hosts", list_of(access.allowed_hosts));
    if (section.text().empty() && keys.empty()) return "";
    return "access:\n" + section.text() + (keys.empty() ? "" : "  keys:\n" + keys);
}

}  // namespace

std::string configuration_yaml(const config::Config& config, const ModelNotes& notes) {
    auto text = server_yaml(config.server) + access_yaml(config.access) + memory_yaml(config.memory) +
                engine_yaml(config.engine) + estimates_yaml(config.estimates) + telemetry_yaml(config.telemetry) +
                library_yaml(config.library) + media_yaml(config.media) + speech_yaml(config.speech) +
                web_yaml(config.web) + knowledge_yaml(config.knowledge) + routing_yaml(config.routing) +
                pipelines_yaml(config) + "models:\n";
    for (const auto& model : config.models) {
        if (const auto found = notes.find(model.name); found != notes.end())
            for (const auto& note : found->second) text += fmt::format("  # {}\n", config::printable(note, 300));
        text += model_yaml(model);
    }
    return text;
}

}  // namespace sarai::cli
