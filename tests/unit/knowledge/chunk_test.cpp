#include "knowledge/chunk.hpp"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "base/utf8.hpp"
#include "knowledge/blocks.hpp"
#include "knowledge/extract.hpp"

namespace sarai::knowledge::chunk_test {
namespace {

Document document(Format format, std::string text) {
    return {.format = format, .text = text, .marks = mark_lines(text)};
}

std::string sentences(int count) {
    std::string text;
    for (int i = 0; i < count; ++i) text += "Sentence number " + std::to_string(i) + " says little. ";
    return text;
}

TEST(Blocks, OfMarkdown) {
    const std::string text =
        "# Title\nText\nmore\n\n- one\n- two\n  of two\n\nUnder\n=====\n```\n# no heading\n\n```\nafter\n";
    std::vector<std::string> found;
    for (const auto& block : blocks_of(text, Format::markdown))
        found.push_back(std::to_string(static_cast<int>(block.kind)) + std::to_string(block.level) +
                        text.substr(block.begin, block.end - block.begin));
    EXPECT_EQ(found, (std::vector<std::string>{"21# Title", "00Text\nmore", "00- one", "00- two\n  of two",
                                               "21Under\n=====", "10```\n# no heading\n\n```", "00after"}));
}

TEST(Blocks, AnUnclosedFenceEndsWithTheText) {
    const std::string text = "```c\nint x;\n\n# y\n";
    EXPECT_EQ(blocks_of(text, Format::markdown), (std::vector<Block>{{BlockKind::lines, 0, 0, 16}}));
}

TEST(Blocks, OfSourceAreDefinitions) {
    const std::string text = "int a() {\n\n  return 1;\n\n}\n\nint b();\n";
    EXPECT_EQ(blocks_of(text, Format::source),
              (std::vector<Block>{{BlockKind::lines, 0, 0, 25}, {BlockKind::lines, 0, 27, 35}}));
}

TEST(Chunk, KeepsWhatFitsTogether) {
    const auto chunks = cut_into_chunks(document(Format::markdown, "\n# A\n\nOne.\n\nTwo.\n"));
    ASSERT_EQ(chunks.size(), 1);
    EXPECT_EQ(chunks[0],
              (Chunk{.text = "# A\n\nOne.\n\nTwo.", .heading = "A", .begin = 1, .end = 16, .first = 2, .last = 6}));
}

TEST(Chunk, KnowsTheHeadingsAboveIt) {
    const auto text = "# Guide\n\n## Install\n\n" + sentences(8) + "\n\n### On *Linux* ###\n\n" + sentences(8) +
                      "\n\n## Use\n\n" + sentences(8);
    std::vector<std::string> headings;
    for (const auto& chunk : cut_into_chunks(document(Format::markdown, text))) headings.push_back(chunk.heading);
    EXPECT_EQ(headings, (std::vector<std::string>{"Guide › Install", "Guide › Install › On *Linux*", "Guide › Use"}));
}

TEST(Chunk, CutsLongProseBetweenSentences) {
    const auto chunks = cut_into_chunks(document(Format::text, sentences(100)));
    ASSERT_GT(chunks.size(), 2);
    for (const auto& chunk : chunks) {
        EXPECT_LE(chunk.text.size(), 1200);
        EXPECT_TRUE(chunk.text.starts_with("Sentence")) << chunk.text;
        EXPECT_TRUE(chunk.text.ends_with("little.")) << chunk.text;
    }
    for (std::size_t i = 1; i < chunks.size(); ++i) EXPECT_LT(chunks[i].begin, chunks[i - 1].end) << "they overlap";
}

TEST(Chunk, KeepsAFencedBlockWhole) {
    const auto text = sentences(28) + "\n\n```\n" + std::string(500, 'x') + "\n\n" + std::string(400, 'y') +
                      "\n```\n\n" + sentences(20);
    const auto chunks = cut_into_chunks(document(Format::markdown, text));
    EXPECT_TRUE(std::ranges::any_of(chunks, [](const Chunk& chunk) {
        return chunk.text.contains("```\nxxx") && chunk.text.ends_with("yyy\n```");
    }));
}

TEST(Chunk, CutsSourceBetweenDefinitions) {
    std::string text;
    for (int i = 0; i < 30; ++i)
        text += "int f" + std::to_string(i) +
                "() {\n    return 1;\n\n    // so it is, and it stays so for ever and ever\n}\n\n";
    for (const auto& chunk : cut_into_chunks(document(Format::source, text), {.most = 600, .overlap = 0})) {
        EXPECT_TRUE(chunk.text.starts_with("int f"));
        EXPECT_TRUE(chunk.text.ends_with("}"));
    }
}

TEST(Chunk, NamesThePagesItStandsOn) {
    const auto pages = read_pages("First page.\n\fSecond page,\n\f\fwith an end on the fourth.\n");
    ASSERT_TRUE(pages);
    const auto chunks = cut_into_chunks(*pages);
    ASSERT_EQ(chunks.size(), 1);
    EXPECT_EQ(chunks[0].first, 1);
    EXPECT_EQ(chunks[0].last, 4);
}

TEST(Chunk, ALineOfAMegabyteIsCutBetweenCharacters) {
    std::string text;
    while (text.size() < (std::size_t{1} << 20)) text += "日本語";
    const auto chunks = cut_into_chunks(document(Format::text, text), {.most = 100, .overlap = 20});
    for (const auto& chunk : chunks) EXPECT_EQ(valid_utf8(chunk.text), chunk.text);
    EXPECT_LT(chunks.size(), text.size() / 35);
}

// Any text made of what matters to the cutter.
rc::Gen<std::string> any_text() {
    const auto part = rc::gen::element<std::string>(
        "# ", "## ", "\n", "\n\n", "```", "~~~~\n", "- ", "1. ", "===\n", "---\n", " ", "    ", "}\n", "word", "Satz. ",
        "ñandú ", "日本", "🙂", "\t", std::string(90, 'a'), std::string(300, 'b') + " ", "x: y? z! ");
    return rc::gen::map(rc::gen::container<std::vector<std::string>>(part), [](const std::vector<std::string>& parts) {
        std::string text;
        for (const auto& one : parts) text += one;
        return text;
    });
}

TEST(Chunk, HoldsAllOfAnyTextWithinItsBounds) {
    EXPECT_TRUE(rc::check("chunks of any text", [] {
        const auto format =
            *rc::gen::element(Format::text, Format::markdown, Format::html, Format::source, Format::pdf);
        const auto all = document(format, *rc::gen::scale(4.0, any_text()));
        const ChunkSizes sizes{.most = *rc::gen::inRange<std::size_t>(64, 400),
                               .overlap = *rc::gen::inRange<std::size_t>(0, 250)};
        const auto chunks = cut_into_chunks(all, sizes);
        std::size_t covered = 0;
        for (const auto& chunk : chunks) {
            RC_ASSERT(chunk.text.size() <= sizes.most);
            RC_ASSERT(chunk.text == all.text.substr(chunk.begin, chunk.end - chunk.begin));
            RC_ASSERT(valid_utf8(chunk.text) == chunk.text);
            RC_ASSERT(valid_utf8(chunk.heading) == chunk.heading);
            RC_ASSERT(chunk.end > covered);  // each brings something new
            if (chunk.begin > covered)
                RC_ASSERT(all.text.substr(covered, chunk.begin - covered).find_first_not_of(" \t\n") ==
                          std::string::npos);
            RC_ASSERT(chunk.first == all.number_at(chunk.begin));
            RC_ASSERT(chunk.last == all.number_at(chunk.end - 1));
            covered = chunk.end;
        }
        RC_ASSERT(all.text.find_first_not_of(" \t\n", covered) == std::string::npos);
        RC_ASSERT(chunks.size() <= 2 + all.text.size() / (sizes.most / 16));
    }));
}

}  // namespace
}  // namespace sarai::knowledge::chunk_test
