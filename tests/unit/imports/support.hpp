// Files that say what a test wants them to say, and what was lost in words.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>

#include "imports/imported.hpp"

namespace sarai::imports {

// By a file's name; others are chat models that were trained with 8192 tokens.
struct Files {
    std::map<std::string, memory::ModelFacts> known;

    [[nodiscard]] Facts facts() const {
        return [this](const std::filesystem::path& file) -> Result<memory::ModelFacts> {
            if (const auto found = known.find(file.filename().string()); found != known.end()) return found->second;
            std::error_code ignored;  // a name may be too long
            if (!std::filesystem::exists(file, ignored)) return fail(Code::not_found, "it is not there");
            return memory::ModelFacts{.architecture = "llama", .context_length = 8192, .chat_template = "{{ x }}"};
        };
    }
};

inline void write(const std::filesystem::path& file, const std::string& text) {
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
}

// The loss at a key; an empty one where there is none.
inline Loss loss_at(const Imported& imported, const std::string& key) {
    const auto found = std::ranges::find(imported.losses, key, &Loss::key);
    return found == imported.losses.end() ? Loss{} : *found;
}

inline std::string keys_of(const Imported& imported) {
    std::string keys;
    for (const auto& loss : imported.losses) keys += loss.key + "\n";
    return keys;
}

}  // namespace sarai::imports
