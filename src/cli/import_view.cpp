#include "cli/import_view.hpp"

#include <fmt/format.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include "cli/configuration_yaml.hpp"
#include "config/problem.hpp"
#include "protocols/json.hpp"

namespace sarai::cli {
namespace {

namespace json = boost::json;

constexpr std::size_t longest_value = 60;

std::string line_of(const imports::Loss& loss, const Style& style) {
    auto text = style.bold(config::printable(loss.key, 200));
    if (!loss.value.empty()) text += " " + config::printable(loss.value, longest_value);
    text += ": " + config::printable(loss.why, 300);
    if (!loss.instead.empty()) text += style.dim("; " + config::printable(loss.instead, 300));
    return text;
}

}  // namespace

std::string import_yaml(const imports::Imported& imported, const std::string& source) {
    auto text = fmt::format("# Made by sarai import of {}.\n", config::printable(source, 300));
    if (imported.config.memory.policy == "lru")
        text += "# A model that is asked for and does not fit makes room: the one that was used longest ago goes.\n";
    if (!imported.losses.empty()) text += "#\n# No equivalent:\n";
    for (const auto& loss : imported.losses) text += fmt::format("#   {}\n", line_of(loss, {}));
    return text + configuration_yaml(imported.config, imported.notes);
}

std::string losses_text(const imports::Imported& imported, const Style& style) {
    std::string text;
    if (!imported.losses.empty()) text += style.yellow("no equivalent:") + "\n";
    for (const auto& loss : imported.losses) text += fmt::format("  {}\n", line_of(loss, style));
    return text;
}

std::string import_json(const imports::Imported& imported, const std::string& source, const std::string& yaml,
                        const std::string& plan) {
    json::array models;
    for (const auto& model : imported.config.models) models.emplace_back(model.name);
    json::array losses;
    for (const auto& loss : imported.losses)
        losses.push_back({{"key", config::printable(loss.key, 400)},
                          {"value", config::printable(loss.value, 400)},
                          {"why", config::printable(loss.why, 400)},
                          {"instead", config::printable(loss.instead, 400)}});
    json::object result{{"source", config::printable(source, 4096)},
                        {"models", std::move(models)},
                        {"no_equivalent", std::move(losses)},
                        {"configuration", yaml},
                        {"plan", nullptr}};
    if (auto parsed = protocols::parse_json(plan)) result["plan"] = std::move(*parsed);
    return json::serialize(result) + "\n";
}

}  // namespace sarai::cli
