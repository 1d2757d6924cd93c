#include "library/library.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <boost/json/parse.hpp>

#include "folder.hpp"

namespace sarai::library::library_test {
namespace {

using namespace std::chrono_literals;
using test::add_blob;
using test::blob_name;
using test::digest_of;
using test::Folder;
using test::FullDisk;
using testing::HasSubstr;
using testing::StartsWith;

constexpr Moment now{std::chrono::sys_days{std::chrono::year{2026} / 11 / 23} + 2h};
constexpr std::string_view solar = "GGUF solar";
constexpr std::string_view projector = "GGUF projector";

class LibraryTest : public testing::Test {
protected:
    LibraryTest() : library(reopen()) {}
    Library reopen() { return Library::open(folder.path()).value(); }

    Folder folder;
    Library library;
};

}  // namespace

TEST_F(LibraryTest, MakesItsFolderWithTheFirstThingAndForTheUserAlone) {
    EXPECT_FALSE(std::filesystem::exists(folder.path()));
    EXPECT_TRUE(library.list().empty());
    EXPECT_EQ(add_blob(library, solar), digest_of(solar));
    struct stat made{};
    ASSERT_EQ(::stat(folder.path().c_str(), &made), 0);
    EXPECT_EQ(made.st_mode & 0777U, 0700U);
    EXPECT_EQ(Folder::read(*library.blob_path(digest_of(solar))), solar);
}

TEST_F(LibraryTest, AModelSurvivesAndIsFoundUnderAllItsNames) {
    Manifest manifest{.name = "Tiny-Solar",
                      .created_at = now,
                      .model = add_blob(library, solar),
                      .mmproj = add_blob(library, projector),
                      .recipe = {.chat_template = "{{ .Prompt }}", .system = "Be ärlig.", .licenses = {"MIT"}},
                      .source = "https://x/y.gguf"};
    manifest.recipe.parameters =
        boost::json::parse(R"({"num_ctx":4096,"stop":["</s>"],"temperature":0.7})").as_object();
    manifest.recipe.messages = {{.role = "user", .content = "Hello"}};
    manifest.details = boost::json::parse(R"({"family":"llama"})").as_object();
    ASSERT_TRUE(library.put(manifest).has_value());
    manifest.name = "Tiny-Solar:latest";
    const auto again = reopen();
    for (const char* name : {"tiny-solar", "Tiny-Solar:latest", "library/TINY-SOLAR"}) {
        ASSERT_NE(again.find(name), nullptr) << name;
        EXPECT_EQ(*again.find(name), manifest);
    }
    EXPECT_EQ(again.find("tiny-solar:8b"), nullptr);
    EXPECT_EQ(again.find("bad name!!"), nullptr);
    EXPECT_EQ(again.size_of(manifest).count, static_cast<std::int64_t>(solar.size() + projector.size()));
    for (const auto& name : Folder::names(folder.path() / "manifests"))
        EXPECT_THAT(name, testing::MatchesRegex("[0-9a-f]+\\.json")) << "no name becomes a path";
}

TEST_F(LibraryTest, ListsTheNewestFirst) {
    const auto model = add_blob(library, solar);
    for (int i = 0; i < 3; ++i)
        ASSERT_TRUE(library.put({.name = "m" + std::to_string(i), .created_at = now + i * 1s, .model = model}));
    std::vector<std::string> names;
    for (const auto* manifest : library.list()) names.push_back(manifest->name);
    EXPECT_EQ(names, (std::vector<std::string>{"m2:latest", "m1:latest", "m0:latest"}));
}

TEST_F(LibraryTest, RefusesAModelWhoseBlobIsNotHere) {
    const std::string none = "sha256:" + std::string(64, '0');
    const auto put = library.put({.name = "zz", .model = none});
    EXPECT_EQ(put.error().code, Code::not_found);
    EXPECT_EQ(put.error().message, "open sha256-" + std::string(64, '0') + ": no such file or directory");
    EXPECT_EQ(library.put({.name = "bad name!!", .model = none}).error().message, "invalid model name");
    EXPECT_EQ(library.put({.name = "zz", .model = "sha256:1"}).error().message, "invalid digest format");
    EXPECT_TRUE(reopen().list().empty());
}

TEST_F(LibraryTest, ABlobGoesWithTheLastModelThatNamesIt) {
    const auto model = add_blob(library, solar);
    ASSERT_TRUE(library.put({.name = "a", .model = model, .mmproj = add_blob(library, projector)}));
    ASSERT_TRUE(library.put({.name = "b", .model = model}));
    ASSERT_TRUE(library.remove("A:latest"));
    EXPECT_EQ(Folder::names(folder.blobs()), std::set{blob_name(solar)});
    ASSERT_TRUE(library.remove("b"));
    EXPECT_TRUE(Folder::names(folder.blobs()).empty());
    EXPECT_TRUE(reopen().list().empty());
}

TEST_F(LibraryTest, ReplacingAModelDropsWhatItWasMadeOf) {
    ASSERT_TRUE(library.put({.name = "a", .model = add_blob(library, solar)}));
    ASSERT_TRUE(library.put({.name = "a", .model = add_blob(library, "GGUF other")}));
    EXPECT_EQ(Folder::names(folder.blobs()), std::set{blob_name("GGUF other")});
    ASSERT_TRUE(library.put(*library.find("a"))) << "by itself";
    EXPECT_TRUE(library.has_blob(digest_of("GGUF other")));
}

TEST_F(LibraryTest, ABlobThatSomebodyHoldsOrWritesStays) {
    ASSERT_TRUE(library.put({.name = "a", .model = add_blob(library, solar)}));
    {
        const auto writer = library.new_blob({.digest = digest_of(solar)});
        ASSERT_TRUE(library.remove("a"));
        EXPECT_TRUE(library.has_blob(digest_of(solar)));
    }
    ASSERT_TRUE(library.put({.name = "a", .model = digest_of(solar)}));
    auto hold = library.hold(digest_of(solar));
    ASSERT_TRUE(library.remove("a"));
    EXPECT_TRUE(library.has_blob(digest_of(solar)));
    hold.reset();
    ASSERT_TRUE(library.put({.name = "a", .model = digest_of(solar)}));
    ASSERT_TRUE(library.remove("a"));
    EXPECT_FALSE(library.has_blob(digest_of(solar)));
}

TEST_F(LibraryTest, ACopyIsAModelOfItsOwnAndErrorsAreInOllamasWords) {
    ASSERT_TRUE(library.put({.name = "a", .created_at = now, .model = add_blob(library, solar)}));
    ASSERT_TRUE(library.copy("a", "me/b:1", now + 1h));
    ASSERT_TRUE(library.remove("a"));
    ASSERT_NE(library.find("me/b:1"), nullptr);
    EXPECT_EQ(library.find("me/b:1")->created_at, now + 1h);
    EXPECT_TRUE(library.has_blob(digest_of(solar)));
    EXPECT_TRUE(library.copy("me/b:1", "me/b:1", now)) << "onto itself";
    EXPECT_TRUE(library.has_blob(digest_of(solar)));
    EXPECT_EQ(library.copy("nope", "x", now).error().message, "model \"nope\" not found");
    EXPECT_EQ(library.copy("nope", "x", now).error().code, Code::not_found);
    EXPECT_EQ(library.copy("no pe", "x", now).error().message, "source \"no pe\" is invalid");
    EXPECT_EQ(library.copy("me/b:1", "/x", now).error().message, "destination \"/x\" is invalid");
    EXPECT_EQ(library.remove("nope").error().message, "model 'nope' not found");
    EXPECT_EQ(library.remove("nope").error().code, Code::not_found);
    EXPECT_EQ(library.remove("no pe").error().message, "name \"no pe\" is invalid");
}

TEST_F(LibraryTest, DamagedManifestsAreLeftOutAndTheRestIsThere) {
    ASSERT_TRUE(library.put({.name = "a", .model = add_blob(library, solar)}));
    const auto manifests = folder.path() / "manifests";
    const auto good = Folder::read(manifests / *Folder::names(manifests).begin());
    int count = 0;
    for (const auto& text : {std::string(), std::string("{"), std::string("[]"), std::string("{\"name\":5}"),
                             std::string("{\"name\":\"b\",\"model\":\"x\"}"), good})
        Folder::write(manifests / (std::string(64, static_cast<char>('a' + count++)) + ".json"), text);
    std::filesystem::create_directory(manifests / "folder.json");
    const auto again = reopen();
    EXPECT_EQ(again.list().size(), 1U) << "nor is one that has another's name";
    EXPECT_NE(again.find("a"), nullptr);
}

TEST_F(LibraryTest, RemovesWhatWasLeftUnfinishedADayAgo) {
    ASSERT_EQ(add_blob(library, solar), digest_of(solar));
    Folder::write(folder.blobs() / ".partial-old", "x");
    Folder::write(folder.blobs() / ".partial-old.note", "x");
    Folder::write(folder.blobs() / ".partial-new", "x");
    Folder::write(folder.path() / "manifests" / ".new-x.json", "x");  // by a process that is no more
    for (const char* name : {".partial-old", ".partial-old.note"})
        std::filesystem::last_write_time(folder.blobs() / name, std::filesystem::file_time_type::clock::now() - 25h);
    (void)reopen();
    EXPECT_EQ(Folder::names(folder.blobs()), (std::set<std::string>{".partial-new", blob_name(solar)}));
    EXPECT_TRUE(Folder::names(folder.path() / "manifests").empty());
}

TEST_F(LibraryTest, AFolderThatCannotBeReadIsAnError) {
    Folder::write(folder.path() / "manifests", "a file");
    EXPECT_EQ(Library::open(folder.path()).error().code, Code::io);
}

TEST_F(LibraryTest, ABlobOfAnotherDigestIsRefusedInOllamasWordsAndLeavesNothing) {
    auto writer = library.new_blob({.digest = digest_of("x")});
    ASSERT_TRUE(writer && writer->write("ab") && writer->write("c"));
    const auto finished = writer->finish();
    EXPECT_EQ(finished.error().code, Code::invalid_argument);
    EXPECT_EQ(finished.error().message,
              "digest mismatch, expected \"sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881\", "
              "got \"sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"");
    EXPECT_TRUE(Folder::names(folder.blobs()).empty());
}

TEST_F(LibraryTest, WhatIsNotFinishedGoesWithItsWriter) {
    {
        auto writer = library.new_blob({});
        ASSERT_TRUE(writer && writer->write("abc"));
        EXPECT_THAT(*Folder::names(folder.blobs()).begin(), StartsWith(".partial-"));
    }
    EXPECT_TRUE(Folder::names(folder.blobs()).empty());
}

TEST_F(LibraryTest, WhatIsKeptForLaterIsGoneOnWith) {
    {
        auto writer = library.new_blob({.resume = "cafe"});
        writer->keep_for_later();
        ASSERT_TRUE(writer && writer->write("GGUF so") && writer->set_note("\"etag\""));
        const auto other = library.new_blob({.resume = "cafe"});
        EXPECT_EQ(other.error().code, Code::busy);
    }
    {
        auto writer = library.new_blob({.digest = digest_of(solar), .resume = "cafe"});
        writer->keep_for_later();
        EXPECT_EQ(writer->note(), "\"etag\"");
        ASSERT_TRUE(writer->read_back().value());
        EXPECT_EQ(writer->written(), Bytes{7});
        ASSERT_TRUE(writer->write("lar"));
        EXPECT_EQ(writer->finish().value(), digest_of(solar));
    }
    EXPECT_EQ(Folder::names(folder.blobs()), std::set{blob_name(solar)});
}

TEST_F(LibraryTest, WithoutReadingItBackWhatWasKeptIsOverwritten) {
    {
        auto writer = library.new_blob({.resume = "cafe"});
        writer->keep_for_later();
        ASSERT_TRUE(writer->write("something longer than what follows"));
    }
    auto writer = library.new_blob({.resume = "cafe"});
    ASSERT_TRUE(writer->write(solar));
    EXPECT_EQ(writer->finish().value(), digest_of(solar));
    EXPECT_EQ(Folder::read(*library.blob_path(digest_of(solar))), solar);
}

TEST_F(LibraryTest, RoomIsAskedForBeforeTheFirstByte) {
    auto small = Library::open(folder.path(),
                               {.reserve = GiB(1), .free_space = [](const auto&) -> Result<Bytes> { return GiB(3); }})
                     .value();
    EXPECT_TRUE(small.new_blob({.size = GiB(2)}).has_value());
    const auto refused = small.new_blob({.size = GiB(2) + Bytes{1}});
    EXPECT_EQ(refused.error().code, Code::io);
    EXPECT_THAT(refused.error().message, HasSubstr("not enough disk space: 2.00 GiB are needed and 1.00 GiB kept in "
                                                   "reserve"));
    EXPECT_TRUE(Folder::names(folder.blobs()).empty());
}

TEST_F(LibraryTest, RoomThatRunsOutWhileWritingIsNoticedInTime) {
    auto left = GiB(1);
    auto small =
        Library::open(folder.path(), {.free_space = [&left](const auto&) -> Result<Bytes> { return left; }}).value();
    auto writer = small.new_blob({});
    const std::string piece(32U << 20U, 'x');
    ASSERT_TRUE(writer->write(piece) && writer->write(piece));
    left = Bytes{100};
    const auto written = writer->write(piece);
    EXPECT_EQ(written.error().code, Code::io);
    EXPECT_TRUE(Folder::names(folder.blobs()).empty());
}

TEST_F(LibraryTest, ADiskThatFillsUpKeepsWhatIsForLater) {
    auto left = GiB(1);
    auto small =
        Library::open(folder.path(), {.free_space = [&left](const auto&) -> Result<Bytes> { return left; }}).value();
    const std::string piece(32U << 20U, 'x');
    {
        auto writer = small.new_blob({.resume = "cafe"});
        writer->keep_for_later();
        ASSERT_TRUE(writer->set_note("\"etag\"") && writer->write(piece) && writer->write(piece));
        left = Bytes{100};
        const auto written = writer->write(piece);
        EXPECT_EQ(written.error().code, Code::io);
    }
    EXPECT_EQ(Folder::names(folder.blobs()), (std::set<std::string>{".partial-cafe", ".partial-cafe.note"}));
    EXPECT_EQ(std::filesystem::file_size(folder.blobs() / ".partial-cafe"), 2 * piece.size());
}

TEST_F(LibraryTest, AFullDiskIsAnErrorAndKeepsOnlyWhatIsForLater) {
    for (const bool for_later : {false, true}) {
        {
            auto writer = library.new_blob({.resume = "cafe"});
            if (for_later) writer->keep_for_later();
            const FullDisk full(4096);
            const auto written = writer->write(std::string(10'000, 'x'));
            ASSERT_FALSE(written.has_value());
            EXPECT_EQ(written.error().code, Code::io);
            EXPECT_THAT(describe(written.error()), HasSubstr("cannot write " + folder.blobs().string()));
        }
        EXPECT_EQ(Folder::names(folder.blobs()).size(), for_later ? 1U : 0U);
    }
    EXPECT_EQ(Folder::read(folder.blobs() / ".partial-cafe"), std::string(4096, 'x'));
}

TEST_F(LibraryTest, ANoteThatCannotBeWrittenTakesNothingWithIt) {
    {
        auto writer = library.new_blob({.resume = "cafe"});
        writer->keep_for_later();
        ASSERT_TRUE(writer->write("GGUF so") && writer->set_note("\"etag\""));
        const FullDisk full(0);
        EXPECT_TRUE(writer->set_note("\"etag\"").has_value()) << "it is there";
        const auto noted = writer->set_note("\"another\"");
        ASSERT_FALSE(noted.has_value());
        EXPECT_THAT(describe(noted.error()), HasSubstr(".partial-cafe.note"));
    }
    EXPECT_EQ(Folder::names(folder.blobs()), std::set<std::string>{".partial-cafe"});
    EXPECT_EQ(Folder::read(folder.blobs() / ".partial-cafe"), "GGUF so");
}

}  // namespace sarai::library::library_test
