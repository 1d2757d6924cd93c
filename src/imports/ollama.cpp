#include "imports/ollama.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <chrono>
#include <iterator>
#include <optional>
#include <utility>

#include "base/sha256.hpp"
#include "config/file.hpp"
#include "protocols/json.hpp"

namespace sarai::imports {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using protocols::excerpt;
using protocols::string_at;

// Ollama's own, where nothing else is said.
constexpr int usual_context = 4096;
constexpr std::chrono::minutes usual_stay{5};
constexpr std::string_view media_prefix = "application/vnd.ollama.image.";

// Parameters that are defaults of the worker for requests that say nothing, as they are in Ollama.
struct Flag {
    std::string_view parameter;
    std::string_view flag;
};
constexpr std::array flags{
    Flag{"temperature", "--temp"},
    Flag{"top_k", "--top-k"},
    Flag{"top_p", "--top-p"},
    Flag{"min_p", "--min-p"},
    Flag{"typical_p", "--typical"},
    Flag{"repeat_last_n", "--repeat-last-n"},
    Flag{"repeat_penalty", "--repeat-penalty"},
    Flag{"presence_penalty", "--presence-penalty"},
    Flag{"frequency_penalty", "--frequency-penalty"},
    Flag{"seed", "--seed"},
    Flag{"num_predict", "--predict"},
    Flag{"num_keep", "--keep"},
    Flag{"mirostat", "--mirostat"},
    Flag{"mirostat_tau", "--mirostat-ent"},
    Flag{"mirostat_eta", "--mirostat-lr"},
};

// "hf.co/org/repo:Q4_K_M" of hf.co/org/repo/Q4_K_M; what Ollama implies is left out.
std::string name_of(const fs::path& manifest) {
    std::array<std::string, 4> parts;  // host, namespace, model, tag
    std::ranges::transform(manifest, parts.begin(), [](const fs::path& part) { return part.string(); });
    const auto& [host, space, model, tag] = parts;
    std::string name;
    if (host != "registry.ollama.ai") name += host + "/";
    if (!name.empty() || space != "library") name += space + "/";
    return name + model + (tag == "latest" ? "" : ":" + tag);
}

// As people write numbers; Boost.JSON would write 0.7 as 7E-1.
std::string text_of(const json::value& value) {
    return value.is_double() ? fmt::format("{}", value.get_double()) : json::serialize(value);
}

class OllamaReader {
public:
    OllamaReader(const fs::path& folder, const Facts& facts) : folder_(folder), facts_(facts) {}

    Imported run() {
        for (const auto& manifest : manifests()) take(manifest);
        // As Ollama does: whoever is idle for 5 minutes goes, and sooner where somebody needs the room.
        out_.config.memory.policy = "lru";
        return std::move(out_);
    }

private:
    // Relative to their folder, sorted.
    [[nodiscard]] std::vector<fs::path> manifests() {
        const auto root = folder_ / "manifests";
        std::vector<fs::path> found;
        std::error_code stopped;
        for (fs::recursive_directory_iterator next(root, fs::directory_options::skip_permission_denied, stopped), end;
             !stopped && next != end; next.increment(stopped)) {
            std::error_code ignored;
            if (next->path().filename().string().starts_with('.')) continue;  // of file managers
            if (next->is_regular_file(ignored)) found.push_back(next->path().lexically_relative(root));
        }
        std::erase_if(found, [&](const fs::path& path) {
            if (std::distance(path.begin(), path.end()) == 4) return false;
            lose(fmt::format("manifests/{}", path.string()), "",
                 "is not where a manifest lies (HOST/NAMESPACE/MODEL/TAG)");
            return true;
        });
        std::ranges::sort(found);
        return found;
    }

    void lose(std::string key, std::string_view value, std::string why, std::string instead = {}) {
        out_.losses.push_back(
            {.key = std::move(key), .value = excerpt(value), .why = std::move(why), .instead = std::move(instead)});
    }

    [[nodiscard]] std::optional<json::object> read_object(const fs::path& file, const std::string& key) {
        const auto text = config::read_text(file);
        if (!text) {
            lose(key, file.string(), fmt::format("cannot be read: {}", text.error().value));
            return std::nullopt;
        }
        const auto parsed = protocols::parse_json(*text);
        if (!parsed || !parsed->is_object()) {
            lose(key, file.string(), parsed ? "is no JSON object" : describe(parsed.error(), *text));
            return std::nullopt;
        }
        return parsed->get_object();
    }

    // Where a layer's blob lies; it has no path where its digest is none.
    [[nodiscard]] fs::path blob_of(const json::object& layer) const {
        auto digest = string_at(layer, "digest");
        if (!digest.starts_with("sha256:") || !is_sha256_hex(digest.substr(7))) return {};
        return folder_ / "blobs" / fmt::format("sha256-{}", digest.substr(7));
    }

    void take(const fs::path& path) {
        name_ = name_of(path);
        const auto manifest = read_object(folder_ / "manifests" / path, name_);
        if (!manifest) return;
        const auto* layers = protocols::array_at(*manifest, "layers");
        model_ = {.local = config::LocalModel{}};
        context_ = 0;
        notes_.clear();
        aside_.clear();
        bool has_template = false;
        if (layers != nullptr)
            for (const auto& value : *layers) {
                const auto* layer = value.if_object();
                if (layer == nullptr) continue;
                auto type = string_at(*layer, "mediaType");
                if (type.starts_with(media_prefix)) type.remove_prefix(media_prefix.size());
                has_template = has_template || type == "template";
                if (!take_layer(type, blob_of(*layer))) return;
            }
        if (model_.local->path.empty())
            return lose(name_, "", "has no GGUF file: it runs in Ollama's cloud, or has weights of another format",
                        "have Ollama serve it, and name it here with backend: ollama_http");
        finish(has_template);
    }

    // False: the model cannot be had without it, which was said.
    bool take_layer(std::string_view type, const fs::path& blob) {
        const auto key = fmt::format("{}: {}", name_, type);
        std::error_code ignored;
        if (blob.empty() || !fs::is_regular_file(blob, ignored)) {
            const bool needed = type == "model" || type == "projector";
            lose(key, blob.string(), needed ? "is not there, and the model was left out" : "is not there",
                 needed ? "let Ollama pull it again" : "");
            return !needed;
        }
        if (type == "model") {
            if (model_.local->path.empty())
                model_.local->path = blob;
            else
                lose(key, blob.string(), "is a second file of weights, and the first one alone is served");
        } else if (type == "projector") {
            model_.local->mmproj = blob;
        } else if (type == "adapter") {
            lose(key, blob.string(), "would change the model, which was left out: further files are not in the plan",
                 "merge it into the model's file");
            return false;
        } else if (type == "params") {
            if (const auto parameters = read_object(blob, key)) take_parameters(*parameters);
        } else if (type == "license") {
            notes_.push_back(fmt::format("license: {}", blob.string()));
        } else if (type == "system" || type == "messages") {
            const auto text = config::read_text(blob);
            aside_.push_back({key, text ? *text : blob.string(), std::string(type)});
        } else if (type != "template") {
            lose(key, blob.string(), "is a layer that is not known here");
        }
        return true;
    }

    void take_parameters(const json::object& parameters) {
        auto& local = *model_.local;
        for (const auto& [parameter, value] : parameters) {
            const std::string_view name = parameter;
            const auto key = fmt::format("{}: parameter {}", name_, name);
            const auto number = protocols::integer_of(value);
            const auto fill = [&](int& into, std::int64_t least, std::int64_t most, std::string_view ours) {
                if (number && *number >= least && *number <= most)
                    into = static_cast<int>(*number);
                else
                    lose(key, text_of(value), fmt::format("{} is from {} to {}", ours, least, most));
            };
            const auto flag = std::ranges::find(flags, name, &Flag::parameter);
            if (name == "num_ctx") {
                fill(context_, 1, 1 << 24, "context_length");
            } else if (name == "num_batch") {
                fill(local.batch, 32, 8192, "batch");
            } else if (name == "num_thread") {
                fill(local.threads, 0, 1024, "threads");
            } else if (flag != flags.end() && value.is_number()) {
                local.extra_args.insert(local.extra_args.end(), {std::string(flag->flag), text_of(value)});
            } else if (name == "stop") {
                aside_.push_back({key, text_of(value), "parameters"});
            } else {
                lose(key, text_of(value), "is no parameter that is known here");
            }
        }
    }

    void finish(bool has_template) {
        auto& local = *model_.local;
        const auto said = facts_(local.path);
        const int trained = look_into(out_, model_, [&](const fs::path&) { return said; }, name_);
        if (context_ == 0) {
            notes_.push_back("nothing was said about the context: Ollama's own");
            context_ = trained > 0 ? std::min(usual_context, trained) : usual_context;
        }
        local.context_length = context_;
        model_.ttl = usual_stay;
        const auto kind = model_.kind;
        const auto added = add_model(out_, std::move(model_), name_, name_);
        // A template in Go's language says nothing to the engine; most files have the same one in Jinja.
        if (has_template && kind == config::ModelKind::chat && said && said->chat_template.empty())
            lose(fmt::format("{}: template", name_), "", "the engine reads templates in Jinja, and the file has none",
                 "give one in extra_args: --chat-template-file FILE");
        for (const auto& [key, value, field] : aside_)
            lose(key, value, "a configuration has no place for it",
                 fmt::format("once sarai runs: POST /api/create with \"from\": \"{}\" and this in \"{}\"", added,
                             field));
        out_.notes[added] = std::move(notes_);
    }

    // What a configuration does not hold but a variant in the library does.
    struct Aside {
        std::string key;
        std::string value;
        std::string field;  // of /api/create
    };

    const fs::path& folder_;
    const Facts& facts_;
    Imported out_;
    // Of the model at hand:
    std::string name_;
    config::Model model_;
    int context_ = 0;  // 0: not said
    std::vector<std::string> notes_;
    std::vector<Aside> aside_;
};

}  // namespace

Imported import_ollama(const fs::path& folder, const Facts& facts) { return OllamaReader(folder, facts).run(); }

}  // namespace sarai::imports
