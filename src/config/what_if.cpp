#include "config/what_if.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "base/nearest.hpp"
#include "config/draft.hpp"
#include "config/keys.hpp"
#include "config/read_value.hpp"

namespace sarai::config {
namespace {

using Int = std::int64_t;

// A setting of a model. `change` returns the value that stood there, for people.
struct Setting {
    std::string_view name;
    std::string_view alias;  // the configuration's name
    std::string (*change)(LocalModel&, const Value&);
};

template <class T>
std::string swapped(T& old, T value, std::string (*shown)(const T&)) {
    auto before = shown(old);
    old = std::move(value);
    return before;
}
std::string number(const int& value) { return std::to_string(value); }
std::string text_of(const std::string& value) { return value; }
std::string size(const Bytes& value) { return to_string(value); }

constexpr auto settings = std::to_array<Setting>({
    {"ctx", "context_length",
     [](LocalModel& m, const Value& v) { return swapped(m.context_length, static_cast<int>(v.as<Int>()), number); }},
    {"kv", "kv_cache_type",
     [](LocalModel& m, const Value& v) { return swapped(m.kv_cache_type, v.as<std::string>(), text_of); }},
    {"parallel", "parallel",
     [](LocalModel& m, const Value& v) { return swapped(m.parallel, static_cast<int>(v.as<Int>()), number); }},
    {"prompt_cache", "prompt_cache",
     [](LocalModel& m, const Value& v) { return swapped(m.prompt_cache, v.as<Bytes>(), size); }},
    {"load_mode", "load_mode",
     [](LocalModel& m, const Value& v) { return swapped(m.load_mode, v.as<std::string>(), text_of); }},
    {"batch", "batch",
     [](LocalModel& m, const Value& v) { return swapped(m.batch, static_cast<int>(v.as<Int>()), number); }},
});
constexpr std::array<std::string_view, 2> of_the_machine = {"ram", "budget"};

struct Item {
    std::string_view key;    // as written
    std::string_view model;  // empty: all of them, or the machine
    std::string_view name;
    std::string_view value;
};

std::string_view trimmed(std::string_view text) {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
}

Problem problem_of(std::string_view key, std::string value, std::string expected, std::string suggestion = {}) {
    return {.path = key.empty() ? "--what-if" : "--what-if " + printable(key),
            .value = std::move(value),
            .expected = std::move(expected),
            .suggestion = std::move(suggestion)};
}

std::string join(const std::vector<std::string_view>& words) {
    std::string text;
    for (const auto word : words) text += (text.empty() ? "" : ", ") + std::string(word);
    return text;
}

std::vector<std::string_view> local_models(const Config& config) {
    std::vector<std::string_view> names;
    for (const auto& model : config.models)
        if (model.local) names.emplace_back(model.name);
    return names;
}

const Setting* setting_named(std::string_view name) {
    const auto found =
        std::ranges::find_if(settings, [&](const Setting& s) { return s.name == name || s.alias == name; });
    return found == settings.end() ? nullptr : &*found;
}

std::unexpected<Problem> unknown_key(const Item& item) {
    std::vector<std::string_view> shown;
    std::vector<std::string_view> known;
    for (const auto& setting : settings) {
        shown.push_back(setting.name);
        known.push_back(setting.name);
        known.push_back(setting.alias);
    }
    if (item.model.empty()) {
        shown.insert(shown.end(), of_the_machine.begin(), of_the_machine.end());
        known.insert(known.end(), of_the_machine.begin(), of_the_machine.end());
    }
    return std::unexpected(problem_of(item.key, "unknown key", "one of " + join(shown),
                                      std::string(nearest(item.name, known).value_or(""))));
}

std::expected<std::vector<Item>, Problem> split(std::string_view text) {
    std::vector<Item> items;
    std::set<std::string_view> seen;
    for (bool more = true; more;) {
        const auto comma = text.find(',');
        const auto part = trimmed(text.substr(0, comma));
        more = comma != std::string_view::npos;
        if (more) text.remove_prefix(comma + 1);
        const auto equals = part.find('=');
        if (equals == std::string_view::npos || equals == 0)
            return std::unexpected(problem_of("", in_quotes(part), "KEY=VALUE, such as ctx=8192 or solar.ctx=4096"));
        Item item{
            .key = trimmed(part.substr(0, equals)), .model = {}, .name = {}, .value = trimmed(part.substr(equals + 1))};
        // Names of models may have dots, keys have none.
        const auto dot = item.key.rfind('.');
        item.name = dot == std::string_view::npos ? item.key : item.key.substr(dot + 1);
        if (dot != std::string_view::npos) item.model = item.key.substr(0, dot);
        if (!seen.insert(item.key).second) return std::unexpected(problem_of(item.key, "given again", "it once"));
        items.push_back(item);
    }
    // What is said of one model counts more than what is said of all.
    std::ranges::stable_partition(items, [](const Item& item) { return item.model.empty(); });
    return items;
}

std::expected<Value, Problem> read(const Item& item, std::string_view row) {
    auto value = read_value(*find_key(row), Node{.kind = Node::Kind::scalar, .text = std::string(item.value)},
                            Source::environment);
    if (!value) value.error().path = problem_of(item.key, {}, {}).path;
    return value;
}

std::expected<void, Problem> change_machine(WhatIf& what_if, const Item& item) {
    const auto value = read(item, "memory.max_ram");
    if (!value) return std::unexpected(value.error());
    if (item.name == "ram") {
        what_if.ram = value->as<Bytes>();
        what_if.changes.push_back(fmt::format("RAM of the machine: {}", to_string(*what_if.ram)));
    } else {
        what_if.config.memory.max_ram = value->as<Bytes>();
        what_if.changes.push_back(fmt::format("max_ram: {}", to_string(value->as<Bytes>())));
    }
    return {};
}

std::expected<void, Problem> change_models(WhatIf& what_if, const Item& item) {
    const auto* setting = setting_named(item.name);
    if (setting == nullptr) return unknown_key(item);
    auto& models = what_if.config.models;
    const auto known = local_models(what_if.config);
    if (!item.model.empty() && !std::ranges::contains(known, item.model)) {
        const bool remote = what_if.config.find(item.model) != nullptr;
        return std::unexpected(problem_of(
            item.key, fmt::format("{} {}", remote ? "nothing runs here of" : "no model", in_quotes(item.model)),
            "one of " + join(known), std::string(nearest(item.model, known).value_or(""))));
    }
    const auto value = read(item, "models.*." + std::string(setting->alias));
    if (!value) return std::unexpected(value.error());
    std::string before;
    for (auto& model : models) {
        if (!model.local || (!item.model.empty() && model.name != item.model)) continue;
        before = setting->change(*model.local, *value);
    }
    what_if.changes.push_back(
        item.model.empty() ? fmt::format("{} of all models: {}", setting->alias, item.value)
                           : fmt::format("{} of {}: {} instead of {}", setting->alias, item.model, item.value, before));
    return {};
}

}  // namespace

std::expected<WhatIf, Problem> apply_what_if(Config config, std::string_view text) {
    const auto items = split(text);
    if (!items) return std::unexpected(items.error());
    WhatIf what_if{.config = std::move(config), .ram = {}, .changes = {}};
    for (const auto& item : *items) {
        const bool machine = item.model.empty() && std::ranges::contains(of_the_machine, item.name);
        const auto done = machine ? change_machine(what_if, item) : change_models(what_if, item);
        if (!done) return std::unexpected(done.error());
    }
    return what_if;
}

}  // namespace sarai::config
