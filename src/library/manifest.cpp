#include "library/manifest.hpp"

#include <fmt/format.h>

#include <boost/json/serialize.hpp>

#include "library/name.hpp"
#include "protocols/json.hpp"

namespace sarai::library {
namespace json = boost::json;
using namespace protocols;

namespace {

std::unexpected<Error> damaged(std::string what) { return fail(Code::corrupt_file, std::move(what)); }

json::object encode(const Recipe& recipe) {
    json::object out{{"template", recipe.chat_template}, {"system", recipe.system}, {"parameters", recipe.parameters}};
    json::array licenses;
    for (const auto& license : recipe.licenses) licenses.emplace_back(license);
    out["licenses"] = std::move(licenses);
    json::array messages;
    for (const auto& [role, content] : recipe.messages)
        messages.emplace_back(json::object{{"role", role}, {"content", content}});
    out["messages"] = std::move(messages);
    return out;
}

Recipe decode_recipe(const json::object& from) {
    Recipe out{.chat_template = std::string(string_at(from, "template")),
               .system = std::string(string_at(from, "system"))};
    if (const auto* parameters = object_at(from, "parameters")) out.parameters = *parameters;
    if (const auto* licenses = array_at(from, "licenses"))
        for (const auto& license : *licenses)
            if (license.is_string()) out.licenses.emplace_back(license.get_string());
    if (const auto* messages = array_at(from, "messages"))
        for (const auto& value : *messages)
            if (const auto* message = value.if_object())
                out.messages.push_back({.role = std::string(string_at(*message, "role")),
                                        .content = std::string(string_at(*message, "content"))});
    return out;
}

}  // namespace

std::string encode_manifest(const Manifest& manifest) {
    json::object out{{"name", manifest.name},
                     {"created_at_ns", manifest.created_at.time_since_epoch().count()},
                     {"model", manifest.model}};
    if (manifest.mmproj) out["mmproj"] = *manifest.mmproj;
    if (!manifest.base.empty()) out["base"] = manifest.base;
    out["recipe"] = encode(manifest.recipe);
    out["source"] = manifest.source;
    out["details"] = manifest.details;
    return json::serialize(out) + "\n";
}

Result<Manifest> decode_manifest(std::string_view text) {
    const auto value = parse_json(text);
    if (!value) return damaged(fmt::format("it is not valid JSON: {}", describe(value.error(), text)));
    const auto* from = value->if_object();
    if (from == nullptr) return damaged(fmt::format("it is {}; expected an object", excerpt(*value)));
    const auto name = Name::parse(string_at(*from, "name"));
    if (!name)
        return damaged(fmt::format("'name' is \"{}\"; expected a model's name", excerpt(string_at(*from, "name"))));
    const auto digest_at = [&](std::string_view key) -> Result<std::string> {
        auto digest = parse_digest(string_at(*from, key));
        if (!digest)
            return damaged(fmt::format("'{}' is \"{}\"; expected a digest", key, excerpt(string_at(*from, key))));
        return digest;
    };
    const auto base = string_at(*from, "base");
    const auto model = base.empty() ? digest_at("model") : std::string{};
    if (!model) return std::unexpected(model.error());
    Manifest out{.name = name->text(),
                 .created_at = Moment(std::chrono::nanoseconds(integer_at(*from, "created_at_ns").value_or(0))),
                 .model = *model,
                 .base = std::string(base),
                 .source = std::string(string_at(*from, "source"))};
    if (find(*from, "mmproj") != nullptr) {
        const auto mmproj = digest_at("mmproj");
        if (!mmproj) return std::unexpected(mmproj.error());
        out.mmproj = *mmproj;
    }
    if (const auto* recipe = object_at(*from, "recipe")) out.recipe = decode_recipe(*recipe);
    if (const auto* details = object_at(*from, "details")) out.details = *details;
    return out;
}

}  // namespace sarai::library
