#include "app/brought_models.hpp"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstdlib>

#include "config/values.hpp"
#include "protocols/json.hpp"

namespace sarai::app {
namespace {

// Ollama's own, where nothing else is said.
constexpr int usual_context = 4096;
constexpr std::chrono::minutes usual_stay{5};
constexpr std::string_view latest = ":latest";

std::optional<int> context_of(const library::Manifest& manifest) {
    const auto context = protocols::integer_at(manifest.recipe.parameters, "num_ctx");
    if (!context) return std::nullopt;
    return static_cast<int>(std::clamp<std::int64_t>(*context, 256, 1 << 24));
}

// Served as the model of the configuration is, with the same files, servers and fallback: by that one itself, unless
// its context is to be another one, which needs a worker of its own.
config::Model variant_of(const config::Model& base, const std::string& name, const library::Manifest& manifest) {
    auto model = base;
    model.name = name;
    model.brought = true;
    model.pinned = model.preload = false;
    if (const auto context = context_of(manifest)) {
        if (model.local && !model.local->whisper) model.local->context_length = *context;
        if (model.remote) model.remote->context_length = context;
    }
    const bool same = model.local == base.local && model.remote == base.remote;
    if (same) model.served_by = base.name;
    if (!same && model.ttl.count() == 0) model.ttl = usual_stay;
    return model;
}

}  // namespace

std::filesystem::path library_folder(const config::Library& library) {
    if (!library.path.empty()) return library.path;
    if (const char* data = std::getenv("XDG_DATA_HOME"); data != nullptr && *data == '/')
        return std::filesystem::path(data) / "sarai";
    const char* home = std::getenv("HOME");
    return std::filesystem::path(home == nullptr ? "/var/lib" : home) /
           (home == nullptr ? "sarai" : ".local/share/sarai");
}

void add_brought(config::Config& config, const library::Library& library) {
    for (const auto* manifest : library.list()) {
        auto name = manifest->name;
        if (name.ends_with(latest)) name.resize(name.size() - latest.size());
        if (config.find(name) != nullptr) {
            spdlog::warn("model '{}' of the library is not served: the configuration has one of that name", name);
            continue;
        }
        if (!config::is_model_name(name)) continue;
        if (!manifest->base.empty()) {
            const auto* base = config.find(manifest->base);
            if (base == nullptr || base->brought) {
                spdlog::warn(
                    "model '{}' of the library is not served: it is made from '{}', which the configuration "
                    "does not have",
                    name, manifest->base);
                continue;
            }
            config.models.push_back(variant_of(*base, name, *manifest));
            continue;
        }
        const auto file = library.existing_blob(manifest->model);
        if (!file) continue;
        config::Model model{.name = name, .local = config::LocalModel{}, .ttl = usual_stay, .brought = true};
        model.kind = config::kind_named(protocols::string_at(manifest->details, "kind"));
        model.local->path = *file;
        model.local->whisper = model.kind == config::ModelKind::transcription;
        if (manifest->mmproj && !model.local->whisper)
            if (const auto projector = library.existing_blob(*manifest->mmproj)) model.local->mmproj = *projector;
        model.local->context_length = context_of(*manifest).value_or(usual_context);
        config.models.push_back(std::move(model));
    }
}

}  // namespace sarai::app
