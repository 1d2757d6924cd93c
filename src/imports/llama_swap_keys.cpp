#include "imports/llama_swap_keys.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config/problem.hpp"

namespace sarai::imports {
namespace {

using config::Node;

constexpr std::string_view own_log = "the log is sarai's own";
constexpr std::string_view by_create = "once sarai runs: POST /api/create with \"from\" this model and \"parameters\"";

constexpr std::array of_file{
    KeyRow{"models", "", ""},
    KeyRow{"macros", "", ""},
    KeyRow{"startPort", "", ""},
    KeyRow{"healthCheckTimeout", "", ""},
    KeyRow{"globalTTL", "", ""},
    KeyRow{"apiKeys", "", ""},
    KeyRow{"groups", "", ""},
    KeyRow{"hooks", "", ""},
    KeyRow{"peers", "", ""},
    KeyRow{"logLevel", own_log, "SARAI_LOG=debug in the environment"},
    KeyRow{"logTimeFormat", own_log, ""},
    KeyRow{"logToStdout", own_log, "server.access_log: text, json or off"},
    KeyRow{"metricsMaxInMemory", "counts are kept, single requests are not", "GET /metrics"},
    KeyRow{"captureBuffer", "requests and answers are not kept", ""},
    KeyRow{"sendLoadingState", "nothing is put into a model's thoughts", "server.heartbeat: signs of life for streams"},
    KeyRow{"includeAliasesInList", "a model has one name", ""},
    KeyRow{"matrix", "what may be loaded together is what fits into memory", "memory.policy, pinned and priority"},
};
constexpr std::array of_model{
    KeyRow{"cmd", "", ""},
    KeyRow{"proxy", "", ""},
    KeyRow{"macros", "", ""},
    KeyRow{"ttl", "", ""},
    KeyRow{"useModelName", "", ""},
    KeyRow{"name", "is shown nowhere", ""},
    KeyRow{"description", "is shown nowhere", ""},
    KeyRow{"metadata", "is shown nowhere", ""},
    KeyRow{"env", "workers get sarai's environment, without LLAMA_… and GGML_…", "start sarai with it"},
    KeyRow{"cmdStop", "a worker is stopped by signals", ""},
    KeyRow{"checkEndpoint", "sarai knows itself when a worker or a server is ready", ""},
    KeyRow{"aliases", "a model has one name", "once sarai runs: POST /api/create with \"from\" this model"},
    KeyRow{"filters", "requests are passed on as they are", by_create},
    KeyRow{"unlisted", "every model is listed", "access.keys.NAME.models: a key sees only what it may use"},
    KeyRow{"concurrencyLimit", "requests wait instead of being refused", "parallel and queue.length"},
    KeyRow{"sendLoadingState", "nothing is put into a model's thoughts", "server.heartbeat: signs of life for streams"},
    KeyRow{"timeouts", "", ""},
};
constexpr std::array of_peer{
    KeyRow{"proxy", "", ""},    KeyRow{"models", "", ""},
    KeyRow{"apiKey", "", ""},   KeyRow{"filters", "requests are passed on as they are", by_create},
    KeyRow{"timeouts", "", ""},
};

constexpr std::array of_timeouts{
    KeyRow{"connect", "", ""},
    KeyRow{"responseHeader", "", ""},
    KeyRow{"keepalive", "connections are kept as long as the server keeps them", ""},
    KeyRow{"tlsHandshake", "it is a part of timeouts.connect", ""},
    KeyRow{"idleConn", "connections are kept as long as the server keeps them", ""},
};

bool says_nothing(const Node& node) {
    switch (node.kind) {
        case Node::Kind::null: return true;
        case Node::Kind::scalar: return node.text.empty() || node.text == "false" || node.text == "0";
        case Node::Kind::list:
        case Node::Kind::map: return node.items.empty();
    }
    return true;
}

std::string shown(const Node& node) {
    if (node.kind == Node::Kind::scalar) return config::printable(node.text);
    if (const auto* id = child(node, "id")) return config::printable(id->text);  // of an alias
    std::string text;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
        text += text.empty() ? "" : ", ";
        text += node.kind == Node::Kind::map ? node.keys[i] : shown(node.items[i]);
    }
    return config::printable(text);
}

// Of variables: their values may be secrets.
std::string names_of(const Node& variables) {
    std::string text;
    for (const auto& item : variables.items)
        text += (text.empty() ? "" : ", ") + item.text.substr(0, item.text.find('='));
    return config::printable(text);
}

}  // namespace

std::span<const KeyRow> file_keys() { return of_file; }
std::span<const KeyRow> model_keys() { return of_model; }
std::span<const KeyRow> peer_keys() { return of_peer; }
std::span<const KeyRow> timeout_keys() { return of_timeouts; }

void lose_keys(std::vector<Loss>& into, const Node& section, std::string_view path, std::span<const KeyRow> table) {
    for (std::size_t i = 0; i < section.keys.size() && i < section.items.size(); ++i) {
        const auto& key = section.keys[i];
        const auto row = std::ranges::find(table, std::string_view(key), &KeyRow::key);
        if (says_nothing(section.items[i]) || (row != table.end() && row->why.empty())) continue;
        into.push_back({.key = fmt::format("{}{}{}", path, path.empty() ? "" : ".", config::printable(key)),
                        .value = key == "env" ? names_of(section.items[i]) : shown(section.items[i]),
                        .why = row == table.end() ? "is no key that is known here" : std::string(row->why),
                        .instead = row == table.end() ? "" : std::string(row->instead)});
    }
}

const Node* child(const Node& section, std::string_view key) {
    if (section.kind != Node::Kind::map) return nullptr;
    const auto found = std::ranges::find(section.keys, key);
    if (found == section.keys.end()) return nullptr;
    return &section.items[static_cast<std::size_t>(found - section.keys.begin())];
}

std::string text_at(const Node& section, std::string_view key) {
    const auto* node = child(section, key);
    return node == nullptr ? "" : node->text;
}

std::optional<int> number_at(const Node& section, std::string_view key) {
    const auto text = text_at(section, key);
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

}  // namespace sarai::imports
