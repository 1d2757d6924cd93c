// The last so many things by a key, the one that was used last kept longest. Used on one strand.
#pragma once

#include <list>
#include <map>
#include <utility>

namespace sarai {

template <class Key, class Value>
class Recent {
public:
    explicit Recent(std::size_t most) : most_(most) {}

    // In place of one with that key.
    void put(const Key& key, Value value) {
        if (const auto old = by_key_.find(key); old != by_key_.end()) entries_.erase(old->second);
        entries_.emplace_front(key, std::move(value));
        by_key_[key] = entries_.begin();
        if (entries_.size() <= most_) return;
        by_key_.erase(entries_.back().first);
        entries_.pop_back();
    }
    // Null: it is not known, or not any more. Makes it young again. Valid until the next put().
    [[nodiscard]] Value* find(const Key& key) {
        const auto found = by_key_.find(key);
        if (found == by_key_.end()) return nullptr;
        entries_.splice(entries_.begin(), entries_, found->second);
        return &found->second->second;
    }
    [[nodiscard]] std::size_t size() const { return entries_.size(); }

private:
    using Entries = std::list<std::pair<Key, Value>>;
    std::size_t most_;
    Entries entries_;
    std::map<Key, typename Entries::iterator> by_key_;
};

}  // namespace sarai
