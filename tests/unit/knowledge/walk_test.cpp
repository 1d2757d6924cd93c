#include "knowledge/walk.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "knowledge/ingest.hpp"
#include "support/temp_folder.hpp"

namespace sarai::knowledge::walk_test {
namespace {

namespace fs = std::filesystem;

void write(const fs::path& path, std::string_view text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
}

TEST(Walk, TakesTextsAndSaysWhyNotTheRest) {
    const test::TempFolder temp;
    const auto folder = fs::canonical(temp.path());
    write(folder / "a.md", "# a");
    write(folder / "sub/b.cpp", "int b;");
    write(folder / ".git/config", "x");
    write(folder / "node_modules/x/y.js", "x");
    write(folder / "picture.png", "x");
    write(folder / "program", std::string("\x7f"
                                          "ELF\0\0",
                                          6));
    write(folder / "large.txt", std::string(3000, 'x'));
    write(folder / "empty.txt", "");
    fs::create_directory_symlink("..", folder / "sub/circle");
    const std::vector<fs::path> roots{folder, folder / "sub", folder / "a.md"};
    const auto found = walk(roots, {.file = KiB(2)});
    ASSERT_TRUE(found);
    EXPECT_EQ(found->files, (std::vector<FoundFile>{{folder / "a.md", Format::markdown, Bytes{3}},
                                                    {folder / "sub/b.cpp", Format::source, Bytes{6}}}));
    std::map<std::string, std::string> reasons;
    for (const auto& skipped : found->skipped) reasons[skipped.path.filename()] = skipped.reason;
    EXPECT_EQ(reasons, (std::map<std::string, std::string>{{".git", "hidden"},
                                                           {"node_modules", "installed packages"},
                                                           {"picture.png", "binary"},
                                                           {"program", "binary"},
                                                           {"large.txt", "3 KiB, at most 2 KiB are read"},
                                                           {"empty.txt", "empty"},
                                                           {"circle", "a link"}}));
}

TEST(Walk, WhatIsNotThereIsAnError) {
    const std::vector<fs::path> roots{"/no/such/folder"};
    const auto found = walk(roots);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::not_found);
}

TEST(Walk, TooManyFilesAreAnError) {
    const test::TempFolder temp;
    for (int i = 0; i < 5; ++i) write(temp.path() / std::to_string(i), "x");
    const std::vector<fs::path> roots{temp.path()};
    EXPECT_EQ(walk(roots, {.files = 4}).error().code, Code::too_large);
    EXPECT_TRUE(walk(roots, {.files = 5}));
}

TEST(Walk, EndsWhenItIsAskedTo) {
    const test::TempFolder temp;
    write(temp.path() / "a.txt", "x");
    const std::vector<fs::path> roots{temp.path()};
    std::stop_source stop;
    stop.request_stop();
    const auto found = walk(roots, {}, stop.get_token());
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().code, Code::cancelled);
}

TEST(Plan, KnowsWhatIsGone) {
    const Walk found{.roots = {"/docs"},
                     .files = {{"/docs/a", Format::text, Bytes{1}}},
                     .skipped = {{"/docs/locked", "cannot be read", true}}};
    const auto document = [](std::string path) { return DocumentRecord{.path = std::move(path), .hash = "h"}; };
    const std::vector documents{document("/docs/a"), document("/docs/b"), document("/docs/locked/c"),
                                document("/docs2/d"), document("/other")};
    const auto work = plan(found, documents);
    ASSERT_EQ(work.files.size(), 1);
    EXPECT_EQ(work.files[0].known, "h");
    EXPECT_EQ(work.gone, std::vector<std::string>{"/docs/b"})
        << "neither what may still be there nor what was never below it";
}

TEST(Prepare, SkipsWhatIsKnownAndKeepsWhatCannotBeRead) {
    const FoundFile file{"/docs/a.txt", Format::text, Bytes{5}};
    const auto first = prepare(file, "hello", "", {});
    ASSERT_TRUE(first);
    EXPECT_EQ(first->chunks.size(), 1);
    EXPECT_FALSE(prepare(file, "hello", first->document.hash, {}));
    EXPECT_TRUE(prepare(file, "hello", first->document.hash, {.sizes = {.most = 500}}))
        << "other sizes make other chunks";
    const auto broken = prepare(file, std::string("\0\1\2", 3), "", {});
    ASSERT_TRUE(broken);
    EXPECT_TRUE(broken->chunks.empty());
    EXPECT_FALSE(broken->document.trouble.empty());
    EXPECT_FALSE(prepare(file, std::string("\0\1\2", 3), broken->document.hash, {})) << "it is not tried again";
}

}  // namespace
}  // namespace sarai::knowledge::walk_test
