#include <fmt/format.h>

#include <set>

#include "config/keys.hpp"
#include "config/read.hpp"

namespace sarai::config {
namespace {

class Assembler {
public:
    Assembler(const Environment& environment, Draft& draft, std::vector<Problem>& problems)
        : environment_(environment), draft_(draft), problems_(problems) {}

    void run() {
        memory();
        for (auto& model : draft_.models) {
            check_chain(model);
            check_endpoints(model);
            draft_.config.models.push_back(build(model));
        }
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

    void check_chain(const ModelDraft& model) {
        const bool has_path = model.given.contains("path");
        if (!model.backend) {
            if (!model.given.contains("backend")) {
                add(model, "backend", "missing", expected_of(*find_key("models.*.backend")));
            }
            return;  // every rule below depends on it
        }
        const bool local_backend = *model.backend == BackendKind::gguf_native;
        if (local_backend && model.given.contains("fallback")) {
            add(model, "fallback", "given for a local model", "a fallback only behind ollama_http or openai_http");
        }
        if (local_backend && !has_path) add(model, "path", "missing", "the GGUF file, for backend is gguf_native");
        if (!local_backend && model.fallback && !has_path) {
            add(model, "path", "missing", "the GGUF file, for fallback is gguf_native");
        }
        if (*model.backend == BackendKind::openai_http && !model.given.contains("endpoints")) {
            add(model, "endpoints", "missing", "a list of servers, for backend is openai_http");
        }
        if (*model.backend == BackendKind::openai_http && model.given.contains("keep_alive")) {
            add(model, "keep_alive", "would have no effect", "backend ollama_http beside it");
        }
        // A fallback that is misspelt was reported; that its file is then unused would be the same problem again.
        const bool local_used = local_backend || model.given.contains("fallback");
        for (const Key& key : keys()) {
            if (!key.path.starts_with("models.*.")) continue;
            const std::string name(key.path.substr(std::string_view("models.*.").size()));
            if (!model.given.contains(name)) continue;
            if (key.scope == Scope::remote && local_backend) {
                add(model, name, "would have no effect", "backend ollama_http or openai_http beside it");
            } else if (key.scope == Scope::local && !local_used) {
                add(model, name, "would have no effect", "backend gguf_native or fallback gguf_native beside it");
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
        }
    }

    Model build(const ModelDraft& draft) {
        Model model{.name = draft.name, .kind = draft.kind, .pinned = draft.pinned, .preload = draft.preload};
        const bool local_backend = draft.backend == BackendKind::gguf_native;
        if (local_backend || draft.fallback) {
            model.local = draft.local;
            if (draft.context_length) model.local->context_length = *draft.context_length;
        }
        const bool prefer_local = !draft.prefer_http || draft_.config.memory.strategy == "native_gguf";
        if (local_backend || !draft.backend || (prefer_local && model.local)) return model;
        model.remote = RemoteModel{.kind = *draft.backend,
                                   .endpoints = draft.endpoints,
                                   .model = draft.remote_name.value_or(draft.name),
                                   .context_length = draft.context_length,
                                   .keep_alive = draft.keep_alive,
                                   .budgets = draft.budgets};
        if (draft.backend == BackendKind::ollama_http && !draft.given.contains("endpoints")) {
            model.remote->endpoints = ollama_default();
        }
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
