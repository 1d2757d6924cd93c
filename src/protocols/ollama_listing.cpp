#include "protocols/ollama_listing.hpp"

#include <boost/json/value_from.hpp>

namespace sarai::protocols::ollama {
namespace json = boost::json;
namespace {

// Ollama writes "for ever" as now plus 292 years, the longest duration that Go knows; clients only compare it with now.
constexpr std::string_view never = "2319-01-01T00:00:00Z";

json::object encode(const Details& details) {
    json::object out;
    out["parent_model"] = "";
    out["format"] = details.format;
    out["family"] = details.family;
    json::array families;
    if (!details.family.empty()) families.emplace_back(details.family);
    out["families"] = std::move(families);
    out["parameter_size"] = details.parameter_size;
    out["quantization_level"] = details.quantization_level;
    return out;
}

json::array strings(const std::vector<std::string>& texts) {
    json::array out;
    for (const auto& text : texts) out.emplace_back(text);
    return out;
}

json::object listed(json::array models) {
    json::object out;
    out["models"] = std::move(models);
    return out;
}

}  // namespace

json::object encode_tags(std::span<const ModelInfo> models) {
    json::array entries;
    for (const auto& model : models) {
        json::object entry;
        entry["name"] = model.name;
        entry["model"] = model.name;
        entry["modified_at"] = encode_time(model.modified_at);
        entry["size"] = model.size.count;
        entry["digest"] = model.digest;
        auto details = encode(model.details);
        if (model.context_length) details["context_length"] = *model.context_length;
        if (model.embedding_length) details["embedding_length"] = *model.embedding_length;
        entry["details"] = std::move(details);
        entry["capabilities"] = strings(model.capabilities);
        entries.emplace_back(std::move(entry));
    }
    return listed(std::move(entries));
}

json::object encode_ps(std::span<const RunningModel> models) {
    json::array entries;
    for (const auto& model : models) {
        json::object entry;
        entry["name"] = model.name;
        entry["model"] = model.name;
        entry["size"] = model.size.count;
        entry["digest"] = model.digest;
        entry["details"] = encode(model.details);
        entry["expires_at"] = model.expires_at ? encode_time(*model.expires_at) : std::string(never);
        entry["size_vram"] = model.size_vram.count;
        entry["context_length"] = model.context_length;
        entries.emplace_back(std::move(entry));
    }
    return listed(std::move(entries));
}

json::object encode_show(const ModelDescription& description) {
    json::object out;
    if (!description.modelfile.empty()) out["modelfile"] = description.modelfile;
    if (!description.parameters.empty()) out["parameters"] = description.parameters;
    if (!description.chat_template.empty()) out["template"] = description.chat_template;
    out["details"] = encode(description.details);
    out["model_info"] = description.model_info;
    if (!description.tensors.empty()) out["tensors"] = description.tensors;
    out["capabilities"] = strings(description.capabilities);
    out["modified_at"] = encode_time(description.modified_at);
    return out;
}

json::object encode_version(std::string_view version) {
    json::object out;
    out["version"] = version;
    return out;
}

}  // namespace sarai::protocols::ollama
