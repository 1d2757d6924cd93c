#include "protocols/ollama_listing.hpp"

#include <fmt/format.h>

#include <cmath>

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
    if (details.has_projector) families.emplace_back("clip");
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

void add(json::object& out, const Elsewhere& elsewhere) {
    if (!elsewhere.model.empty()) out["remote_model"] = elsewhere.model;
    if (!elsewhere.host.empty()) out["remote_host"] = elsewhere.host;
}

json::object listed(json::array models) {
    json::object out;
    out["models"] = std::move(models);
    return out;
}

}  // namespace

std::string parameter_size(std::int64_t count) {
    const auto in = [&](double unit, int digits, char letter) {
        const auto number = static_cast<double>(count) / unit;
        return fmt::format("{:.{}f}{}", number, std::floor(number) == number ? 0 : digits, letter);
    };
    if (count >= 1'000'000'000) return in(1e9, 1, 'B');
    if (count >= 1'000'000) return in(1e6, 2, 'M');
    if (count >= 1'000) return in(1e3, 0, 'K');
    return fmt::format("{}", count);
}

std::string parameter_line(std::string_view name, std::string_view value) {
    return fmt::format("{:<30} {}", name, value);
}

json::object encode_tags(std::span<const ModelInfo> models) {
    json::array entries;
    for (const auto& model : models) {
        json::object entry;
        entry["name"] = model.name;
        entry["model"] = model.name;
        add(entry, model.elsewhere);
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
    if (!description.system.empty()) out["system"] = description.system;
    if (!description.license.empty()) out["license"] = description.license;
    if (!description.modelfile.empty()) out["modelfile"] = description.modelfile;
    if (!description.parameters.empty()) out["parameters"] = description.parameters;
    if (!description.chat_template.empty()) out["template"] = description.chat_template;
    out["details"] = encode(description.details);
    add(out, description.elsewhere);
    out["model_info"] = description.model_info;
    if (!description.projector_info.empty()) out["projector_info"] = description.projector_info;
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
