#include "config/key_table.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iterator>

namespace sarai::config::key_table_test {
namespace {

using testing::HasSubstr;

constexpr std::string_view begin_mark =
    "<!-- From src/config/keys.cpp: SARAI_WRITE_GOLDEN=1 unit_config --gtest_filter=KeyTable.* writes it anew. -->\n\n";
constexpr std::string_view end_mark = "\n<!-- The end of what is written from src/config/keys.cpp. -->\n";

const KeyRow& row_of(const std::vector<KeyRow>& rows, std::string_view path) {
    return *std::ranges::find(rows, path, &KeyRow::path);
}

}  // namespace

TEST(KeyTable, IsWhatTheReferenceDocumentPrints) {
    const std::string path = SARAI_SOURCE_DIR "/docs/configuration.md";
    std::ifstream file(path);
    std::string text(std::istreambuf_iterator<char>(file), {});
    const auto begin = text.find(begin_mark);
    const auto end = text.find(end_mark);
    ASSERT_TRUE(begin != std::string::npos && end != std::string::npos) << path << " has no place for the table";
    const auto at = begin + begin_mark.size();
    if (std::getenv("SARAI_WRITE_GOLDEN") != nullptr) {
        text.replace(at, end - at, key_table());
        std::ofstream(path) << text;
    } else {
        EXPECT_EQ(key_table(), text.substr(at, end - at)) << path;
    }
}

TEST(KeyTable, HasAllKeysWithWhatTheyTakeAndTheirVariables) {
    const auto rows = key_rows();
    EXPECT_EQ(rows.size(), keys().size());
    const auto& llms = row_of(rows, "memory.max_concurrent_llms");
    EXPECT_EQ(llms.value, "1 to 1024");
    EXPECT_EQ(llms.expected, "a whole number from 1 to 1024");
    EXPECT_EQ(llms.fallback, "3");
    EXPECT_THAT(llms.environment, testing::ElementsAre("SARAI_MEMORY_MAX_CONCURRENT_LLMS", "MAX_CONCURRENT_LLMS"));
    EXPECT_TRUE(row_of(rows, "models.*.endpoints").holds_keys);
    EXPECT_EQ(row_of(rows, "models.*.threads").models, "local");
}

TEST(KeyTable, KeepsItsCellsTogether) {
    const auto text = key_table();
    EXPECT_THAT(text, HasSubstr("| `memory.policy` | `never_unload`, `lru`, `priority` | `never_unload` |"));
    for (std::size_t at = 0, end = 0; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
        const auto line = std::string_view(text).substr(at, end - at);
        if (!line.starts_with('|')) continue;
        std::ptrdiff_t bars = 0;
        for (std::size_t i = 0; i < line.size(); ++i) bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\');
        EXPECT_EQ(bars, 5) << line;
    }
}

}  // namespace sarai::config::key_table_test
