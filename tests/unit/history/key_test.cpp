#include "history/key.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <sys/stat.h>
#include <unistd.h>

#include <functional>
#include <set>

#include "folder.hpp"

namespace sarai::history::key_test {
namespace {

using testing::ElementsAre;

const memory::EngineShape shape{.model = "/models/a.gguf", .mmproj = "/models/p.gguf"};
const FileIdentity model{.size = 1000, .modified = 1'700'000'000'000'000'000, .header = 7};
const FileIdentity mmproj{.size = 50, .modified = 1'600'000'000'000'000'000, .header = 8};

std::string key_of(const memory::EngineShape& one) { return plan_key(one, model, mmproj, "0123"); }

void set_time(const std::filesystem::path& path, std::int64_t seconds, long nanoseconds) {
    const timespec times[2] = {{.tv_sec = 0, .tv_nsec = UTIME_OMIT}, {.tv_sec = seconds, .tv_nsec = nanoseconds}};
    ASSERT_EQ(::utimensat(AT_FDCWD, path.c_str(), times, 0), 0);
}

const std::vector<Stamp> stamps{{.path = "/lib/libllama.so.0", .size = 10, .modified = 1},
                                {.path = "/usr/bin/llama-server", .size = 20, .modified = 2}};

}  // namespace

TEST(PlanKey, ChangesWithEveryFieldOfTheShape) {
    const std::vector<std::function<void(memory::EngineShape&)>> changes{
        [](auto& s) { s.mmproj.reset(); },         [](auto& s) { s.context_length = 4096; },
        [](auto& s) { s.parallel = 2; },           [](auto& s) { s.batch = 512; },
        [](auto& s) { s.micro_batch = 128; },      [](auto& s) { s.image_tokens = 256; },
        [](auto& s) { s.embedding = true; },       [](auto& s) { s.prompt_cache = MiB(1); },
        [](auto& s) { s.kv_cache_type = "q8_0"; }, [](auto& s) { s.load_mode = memory::LoadMode::mmap; },
        [](auto& s) { s.checkpoints = 4; },        [](auto& s) { s.rerank = true; }};
    std::set<std::string> keys{key_of(shape)};
    for (const auto& change : changes) {
        auto changed = shape;
        change(changed);
        keys.insert(key_of(changed));
    }
    EXPECT_EQ(keys.size(), changes.size() + 1);
}

TEST(PlanKey, ChangesWithTheFilesAndTheEngineButNotWithTheirPlace) {
    auto moved = shape;
    moved.model = "/elsewhere/b.gguf";
    EXPECT_EQ(key_of(moved), key_of(shape));
    std::set<std::string> keys{key_of(shape), plan_key(shape, model, mmproj, "0124")};
    for (const auto field : {&FileIdentity::size, &FileIdentity::modified}) {
        auto other = model;
        other.*field += 1;
        keys.insert(plan_key(shape, other, mmproj, "0123"));
        other = mmproj;
        other.*field += 1;
        keys.insert(plan_key(shape, model, other, "0123"));
    }
    auto other = model;
    other.header += 1;
    keys.insert(plan_key(shape, other, mmproj, "0123"));
    EXPECT_EQ(keys.size(), 7U);
}

TEST(PlanKey, IsReadable) {
    EXPECT_EQ(plan_key({.model = "/m"}, model, {}, "0123"),
              "v2 model=1000:1700000000000000000:0000000000000007 mmproj=- context=2048 parallel=1 batch=256 "
              "micro_batch=256 image_tokens=0 embedding=0 prompt_cache=0 kv=f16 load=copy checkpoints=8 engine=0123");
}

TEST(FileIdentity, TellsAReplacedFileOfTheSameSizeAndTimeByItsHeader) {
    const Folder folder;
    const auto path = folder.write("a.gguf", "GGUF one");
    set_time(path, 1'700'000'000, 5);
    const auto before = identify_file(path);
    ASSERT_TRUE(before);
    EXPECT_EQ(before->size, 8);
    EXPECT_EQ(before->modified, 1'700'000'000'000'000'005);
    folder.write("a.gguf", "GGUF two");
    set_time(path, 1'700'000'000, 5);
    const auto after = identify_file(path);
    ASSERT_TRUE(after);
    EXPECT_NE(*after, *before);
}

TEST(FileIdentity, TellsARewrittenFileByItsTimeEvenWithinASecond) {
    const Folder folder;
    const auto path = folder.write("a.gguf", "GGUF one");
    set_time(path, 1'700'000'000, 5);
    const auto before = identify_file(path);
    set_time(path, 1'700'000'000, 6);
    EXPECT_NE(identify_file(path), before);
}

TEST(FileIdentity, ReadsNoMoreThanTheHeader) {
    const Folder folder;
    std::string text(header_bytes + 10, 'x');
    const auto path = folder.write("a.gguf", text);
    set_time(path, 1, 0);
    const auto before = identify_file(path);
    text.back() = 'y';
    folder.write("a.gguf", text);
    set_time(path, 1, 0);
    EXPECT_EQ(identify_file(path), before);
    text[header_bytes - 1] = 'y';
    folder.write("a.gguf", text);
    set_time(path, 1, 0);
    EXPECT_NE(identify_file(path), before);
}

TEST(FileIdentity, IsNoneForWhatIsNoFile) {
    const Folder folder;
    EXPECT_EQ(identify_file(folder.path() / "none"), std::nullopt);
    EXPECT_EQ(identify_file(folder.path()), std::nullopt);
    const auto pipe = folder.path() / "pipe";
    ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
    EXPECT_EQ(identify_file(pipe), std::nullopt);
}

TEST(BuildKey, ChangesWhenALibraryIsReplacedOrGone) {
    const Folder folder;
    const std::vector<std::filesystem::path> paths{folder.write("libllama.so.0.7.0", "seven")};
    const auto before = build_key(stamp_files(paths), {});
    EXPECT_EQ(build_key(stamp_files(paths), {}), before);
    folder.write("libllama.so.0.7.0", "eight..");
    const auto replaced = build_key(stamp_files(paths), {});
    std::filesystem::remove(paths.front());
    const auto gone = build_key(stamp_files(paths), {});
    EXPECT_EQ((std::set{before, replaced, gone}).size(), 3U);
}

TEST(BuildKey, SeesALinkThatPointsToAnotherLibraryNow) {
    const Folder folder;
    folder.write("libllama.so.0.7.0", "seven");
    folder.write("libllama.so.0.8.0", "eight, which is longer");
    const auto link = folder.path() / "libllama.so.0";
    std::filesystem::create_symlink("libllama.so.0.7.0", link);
    const std::vector<std::filesystem::path> paths{link};
    const auto before = build_key(stamp_files(paths), {});
    std::filesystem::remove(link);
    std::filesystem::create_symlink("libllama.so.0.8.0", link);
    EXPECT_NE(build_key(stamp_files(paths), {}), before);
}

TEST(BuildKey, ChangesWithTheMachineAndTheLoadersEnvironment) {
    const std::set<std::string> keys{build_key(stamps, {}),
                                     build_key(stamps, {.machine = "a"}),
                                     build_key(stamps, {.machine = "b"}),
                                     build_key(stamps, {.processors = 2}),
                                     build_key(stamps, {.library_path = "/opt"}),
                                     build_key(stamps, {.backend_path = "/opt"}),
                                     build_key({stamps.front()}, {})};
    EXPECT_EQ(keys.size(), 7U);
}

TEST(BuildKey, DoesNotDependOnTheOrderNorOnRepetition) {
    EXPECT_EQ(build_key({stamps[1], stamps[0], stamps[1]}, {}), build_key(stamps, {}));
    EXPECT_EQ(build_key(stamps, {}).size(), 16U);
}

TEST(TracedLibraries, AreTheEnginesAmongAllThatTheLoaderNames) {
    EXPECT_THAT(traced_libraries("\tlinux-vdso.so.1 (0x00007f18f5e13000)\n"
                                 "\tlibllama-server-impl.so => /usr/lib/llama/libllama-server-impl.so (0x00007f18)\n"
                                 "\tlibc.so.6 => /lib/libc.so.6 (0x00007f18f540a000)\n"
                                 "\tlibmtmd.so.0 => not found\n"
                                 "\tlibggml.so.0 => /opt/a folder/libggml.so.0 (0x00007f18f5dca000)\n"
                                 "\t/lib64/ld-linux-x86-64.so.2 (0x00007f18f5e15000)"),
                ElementsAre("/usr/lib/llama/libllama-server-impl.so", "/opt/a folder/libggml.so.0"));
    EXPECT_TRUE(traced_libraries("version: 0.7.0\n").empty());
    EXPECT_TRUE(traced_libraries("").empty());
}

}  // namespace sarai::history::key_test
