#include "config/place.hpp"

#include <algorithm>
#include <charconv>

namespace sarai::config {
namespace {

// Null where `node` has no such part. `line` becomes that of the key, or of the item of a list.
const Node* step(const Node& node, std::string_view key, int& line) {
    if (node.kind == Node::Kind::list) {
        std::size_t index = 0;
        const auto read = std::from_chars(key.data(), key.data() + key.size(), index);
        if (read.ec != std::errc{} || index >= node.items.size()) return nullptr;
        line = node.items[index].line;
        return &node.items[index];
    }
    const auto found = std::ranges::find(node.keys, key);
    if (found == node.keys.end()) return nullptr;
    const auto index = static_cast<std::size_t>(found - node.keys.begin());
    line = node.key_marks[index].line;
    return &node.items[index];
}

}  // namespace

KeyPlace find_place(const Node& root, std::initializer_list<std::string_view> keys) {
    KeyPlace place;
    const Node* at = &root;
    for (const auto key : keys) {
        at = step(*at, key, place.line);
        if (at == nullptr) return place;
    }
    place.whole = true;
    return place;
}

}  // namespace sarai::config
