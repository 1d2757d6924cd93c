#include "library/puller.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <map>

#include "folder.hpp"
#include "net/http_server.hpp"
#include "net/task_group.hpp"

namespace sarai::library::puller_test {
namespace {

using namespace std::chrono_literals;
using namespace asio::experimental::awaitable_operators;
using net::Exchange;
using test::blob_name;
using test::digest_of;
using test::Folder;
using test::FullDisk;
using testing::ElementsAre;
using testing::HasSubstr;

asio::awaitable<void> pause(std::chrono::milliseconds duration) {
    asio::steady_timer timer(co_await asio::this_coro::executor, duration);
    co_await timer.async_wait(asio::use_awaitable);
}

// Larger than what goes to the disk at once, and each part of it different.
std::string gguf(std::size_t size) {
    std::string bytes = "GGUF";
    for (std::uint32_t state = 1; bytes.size() < size; state = state * 1664525U + 1013904223U)
        bytes += static_cast<char>(state >> 24U);
    return bytes;
}

// A server of files with a will of its own, and a library that pulls from it.
class PullerTest : public testing::Test {
protected:
    struct Served {
        std::string bytes;
        std::string etag = {};
        bool ranges = true;
        std::string redirect = {};
        int failures = 0;           // answers of 503 that come first
        std::size_t cut_after = 0;  // the first answer ends there; 0: it does not
        bool cuts_all = false;      // not only the first
        bool stalls = false;        // in place of ending
    };

    PullerTest()
        : library(
              Library::open(folder.path(), {.free_space = [this](const auto&) -> Result<Bytes> { return free_space; }})
                  .value()) {}

    void run(const std::function<asio::awaitable<void>()>& body) {
        server = std::make_unique<net::HttpServer>(
            io.get_executor(), net::ServerLimits{}, [this](Exchange& exchange) { return serve(exchange); },
            [](const Error& error, std::string_view) {
                return net::Reply{.status = http_status(error.code), .body = error.message};
            });
        const auto bound = server->listen("127.0.0.1", 0);
        ASSERT_TRUE(bound.has_value());
        base = fmt::format("http://127.0.0.1:{}", *bound);
        puller.emplace(library, Sources{.sources = {{.name = "lan", .url = base + "/models/"}}, .hugging_face = base},
                       Patience{.pause = 5ms, .budgets = {.connect = 1s, .first_byte = 1s, .silence = 300ms}});
        bool done = false;
        net::TaskGroup tasks(io.get_executor());
        const auto whole = [&]() -> asio::awaitable<void> {
            co_await body();
            co_await server->drain(1s);
            done = true;
        };
        tasks.spawn("test", whole());
        io.run_for(20s);
        EXPECT_TRUE(done);
    }

    asio::awaitable<Result<Manifest>> pull(std::string name) {
        return puller->pull(std::move(name), [this](const Progress& progress) { reports.push_back(progress); });
    }

    asio::awaitable<void> serve(Exchange& exchange) {
        const auto& request = exchange.request();
        const std::string path(exchange.path());
        std::string range(request[net::http::field::range]);
        const std::string if_range(request["if-range"]);
        asked.push_back(std::string(request.method_string()) + " " + path + (range.empty() ? "" : " " + range) +
                        (if_range.empty() ? "" : " if " + if_range));
        const auto found = files.find(path);
        if (found == files.end()) {
            (void)co_await exchange.respond({.status = 404, .body = "no such file"});
            co_return;
        }
        auto& file = found->second;
        if (!file.redirect.empty()) {
            (void)co_await exchange.respond({.status = 302, .headers = {{"Location", file.redirect}}});
            co_return;
        }
        if (request.method() == net::http::verb::get && file.failures > 0) {
            --file.failures;
            (void)co_await exchange.respond({.status = 503, .body = "busy"});
            co_return;
        }
        net::HeaderList headers;
        if (!file.etag.empty()) headers.emplace_back("ETag", file.etag);
        if (!file.ranges || (!if_range.empty() && if_range != file.etag)) range.clear();
        std::size_t first = 0;
        if (!range.empty()) {
            first = std::stoul(range.substr(6));
            if (first >= file.bytes.size()) {
                (void)co_await exchange.respond({.status = 416});
                co_return;
            }
            headers.emplace_back("Content-Range",
                                 fmt::format("bytes {}-{}/{}", first, file.bytes.size() - 1, file.bytes.size()));
        }
        const int status = range.empty() ? 200 : 206;
        const auto content = std::string_view(file.bytes).substr(first);
        if (request.method() == net::http::verb::head || file.cut_after == 0 || content.size() <= file.cut_after) {
            (void)co_await exchange.respond({.status = status, .body = std::string(content), .headers = headers});
            co_return;
        }
        const auto cut = file.cuts_all ? file.cut_after : std::exchange(file.cut_after, 0);
        exchange.start(status, "application/octet-stream", headers);
        (void)co_await exchange.write(content.substr(0, cut));
        // What was sent is to arrive: a reset overtakes it. The last portion goes to the disk when the answer has
        // ended.
        constexpr std::size_t portion = 256U << 10U;
        for (int i = 0; i < 500 && largest_part() + portion < first + cut; ++i) co_await pause(10ms);
        const auto before_the_end = std::exchange(file.stalls, false) ? 2'000ms : 50ms;
        if (!co_await exchange.while_connected(pause(before_the_end))) exchange.abort();
    }

    // hf.co/org/eyes: `whole`, and a projector.
    void serve_on_hub(const std::string& projector);

    std::vector<std::string> statuses() const {
        std::vector<std::string> all;
        for (const auto& report : reports)
            if (all.empty() || all.back() != report.status) all.push_back(report.status);
        return all;
    }
    std::set<std::string> blobs() const { return Folder::names(folder.blobs()); }
    std::size_t largest_part() const {
        std::size_t largest = 0;
        for (const auto& name : blobs())
            if (name.starts_with(".partial-"))
                largest = std::max<std::size_t>(largest, file_size(folder.blobs() / name));
        return largest;
    }
    // Of a file whose server stalls: its beginning is on the disk.
    asio::awaitable<void> until_some_has_come() {
        const auto some = [this] {
            return std::ranges::any_of(blobs(), [this](const auto& name) {
                return name.starts_with(".partial-") && file_size(folder.blobs() / name) > 0;
            });
        };
        while (!some()) co_await pause(5ms);
        co_await pause(20ms);
    }

    Folder folder;
    Bytes free_space = GiB(100);
    Library library;
    asio::io_context io;
    std::unique_ptr<net::HttpServer> server;
    std::optional<Puller> puller;
    std::string base;
    std::map<std::string, Served> files;
    std::vector<std::string> asked;  // "GET /path bytes=3-"
    std::vector<Progress> reports;
};

const std::string whole = gguf(1'000'000);

// A file in a repository's listing.
std::string sibling(std::string_view name, const std::string& bytes) {
    return fmt::format(R"({{"rfilename":"{}","size":{},"lfs":{{"sha256":"{}","size":{}}}}})", name, bytes.size(),
                       digest_of(bytes).substr(7), bytes.size());
}

void PullerTest::serve_on_hub(const std::string& projector) {
    files["/api/models/org/eyes"].bytes =
        fmt::format(R"({{"siblings":[{},{}]}})", sibling("m-Q8_0.gguf", whole), sibling("mmproj-F16.gguf", projector));
    files["/org/eyes/resolve/main/m-Q8_0.gguf"].bytes = whole;
    files["/org/eyes/resolve/main/mmproj-F16.gguf"].bytes = projector;
}

}  // namespace

TEST_F(PullerTest, BringsAFileOfASourceAndItsHash) {
    files["/models/tiny.gguf"].bytes = whole;
    files["/models/tiny.gguf.sha256"].bytes = digest_of(whole).substr(7) + "  tiny.gguf\n";
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("LAN/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
        EXPECT_EQ(pulled->source, base + "/models/tiny.gguf");
    });
    ASSERT_NE(library.find("lan/tiny:latest"), nullptr);
    EXPECT_EQ(library.find("lan/tiny")->model, digest_of(whole));
    EXPECT_EQ(Folder::read(*library.blob_path(digest_of(whole))), whole);
    EXPECT_EQ(blobs(), std::set{blob_name(whole)});
    EXPECT_THAT(asked, ElementsAre("HEAD /models/tiny.gguf", "GET /models/tiny.gguf.sha256", "GET /models/tiny.gguf"));
    EXPECT_THAT(statuses(), ElementsAre("pulling manifest", "pulling " + digest_of(whole).substr(7, 12),
                                        "verifying sha256 digest", "writing manifest"));
    const auto last = reports[reports.size() - 3];
    EXPECT_EQ(last.digest, digest_of(whole));
    EXPECT_EQ(last.total, Bytes{1'000'000});
    EXPECT_EQ(last.completed, last.total);
    EXPECT_LT(reports.size(), 50U) << "a tenth of a second apart";
}

TEST_F(PullerTest, ATagIsPartOfTheFilesName) {
    files["/models/tiny.gguf"].bytes = whole;
    files["/models/tiny-8b.gguf"].bytes = "GGUF 8b";
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny:8b");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
        const auto missing = co_await pull("lan/tiny:70b");
        EXPECT_EQ(missing.error().code, Code::not_found);
        EXPECT_EQ(missing.error().message,
                  fmt::format("model 'lan/tiny:70b' not found: the source \"lan\" has none of {}/models/tiny-70b.gguf",
                              base));
    });
    EXPECT_EQ(library.find("lan/tiny:8b")->model, digest_of("GGUF 8b"));
    EXPECT_THAT(statuses(),
                ElementsAre("pulling manifest", "pulling tiny-8b.gguf", "not verified: the source has no hash",
                            "writing manifest", "pulling manifest"));
}

TEST_F(PullerTest, WhatNoSourceHasIsNotFoundAndSaysWhatCanBePulled) {
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("llama3");
        EXPECT_EQ(pulled.error().code, Code::not_found);
        EXPECT_EQ(describe(pulled.error()),
                  "model 'llama3:latest' not found: no source has models of such a name. Names that can be pulled: "
                  "lan/…, hf.co/ORG/REPO.");
        const auto bad = co_await pull("bad name!!");
        EXPECT_EQ(bad.error().message, "invalid model name");
    });
    EXPECT_TRUE(asked.empty());
}

TEST_F(PullerTest, FindsFilesOfHuggingFaceAndFollowsToWhereTheyLie) {
    const std::string projector = "GGUF projector";
    files["/api/models/org/Repo-GGUF"].bytes =
        fmt::format(R"({{"siblings":[{{"rfilename":"README.md"}},{},{}]}})", sibling("a b-Q8_0.gguf", whole),
                    sibling("mmproj-F16.gguf", projector));
    files["/org/Repo-GGUF/resolve/main/a%20b-Q8_0.gguf"].redirect = "/cdn/1?signature=x%2By";
    files["/cdn/1"].redirect = "2";
    files["/cdn/2"].bytes = whole;
    files["/org/Repo-GGUF/resolve/main/mmproj-F16.gguf"].bytes = projector;
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("hf.co/org/Repo-GGUF:q8_0");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
        const auto again = co_await pull("huggingface.co/org/Repo-GGUF:q8_0");
        EXPECT_TRUE(again.has_value()) << again.error().message;
        const auto other = co_await pull("hf.co/org/Repo-GGUF:q4_0");
        EXPECT_EQ(other.error().message,
                  "org/Repo-GGUF: the repository has no file for \"q4_0\"; it has a b-Q8_0.gguf");
        const auto none = co_await pull("hf.co/org/none");
        EXPECT_EQ(none.error().code, Code::not_found);
    });
    ASSERT_NE(library.find("hf.co/org/Repo-GGUF:q8_0"), nullptr);
    EXPECT_EQ(library.find("hf.co/org/Repo-GGUF:q8_0")->model, digest_of(whole));
    EXPECT_EQ(library.find("huggingface.co/org/Repo-GGUF:q8_0")->mmproj, digest_of(projector));
    EXPECT_EQ(std::ranges::count(asked, "GET /cdn/2"), 1) << "what is here is not brought again";
}

TEST_F(PullerTest, ARedirectLeadsToOtherServersButNeverToASocketNorInCircles) {
    files["/models/away.gguf"] = {.bytes = {}, .redirect = "unix:/run/x.sock"};
    files["/models/round.gguf"] = {.bytes = {}, .redirect = "/models/round.gguf"};
    files["/models/there.gguf"].bytes = "GGUF there";
    run([this]() -> asio::awaitable<void> {
        files["/models/other.gguf"].redirect =
            fmt::format("http://localhost:{}/models/there.gguf", base.substr(base.rfind(':') + 1));
        const auto other = co_await pull("lan/other");
        EXPECT_TRUE(other.has_value()) << other.error().message;
        const auto away = co_await pull("lan/away");
        EXPECT_EQ(away.error().code, Code::upstream);
        EXPECT_THAT(away.error().message, HasSubstr("is not followed: \"unix:/run/x.sock\" is no URL"));
        const auto round = co_await pull("lan/round");
        EXPECT_THAT(round.error().message, HasSubstr("is not followed: there were five before it"));
    });
    EXPECT_EQ(std::ranges::count(asked, "HEAD /models/round.gguf"), 6);
}

TEST_F(PullerTest, GoesOnWhereTheConnectionBroke) {
    files["/models/tiny.gguf"] = {.bytes = whole, .etag = "\"1\"", .cut_after = 600'000};
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
    });
    EXPECT_EQ(library.find("lan/tiny")->model, digest_of(whole));
    EXPECT_EQ(asked.back(), "GET /models/tiny.gguf bytes=600000- if \"1\"");
    EXPECT_EQ(blobs(), std::set{blob_name(whole)});
}

TEST_F(PullerTest, StartsOverWhereTheServerKnowsNoRanges) {
    files["/models/tiny.gguf"] = {.bytes = whole, .etag = "\"1\"", .ranges = false, .cut_after = 600'000};
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
    });
    EXPECT_EQ(Folder::read(*library.blob_path(digest_of(whole))), whole);
}

TEST_F(PullerTest, StartsOverWhereTheFileHasChangedMeanwhile) {
    files["/models/tiny.gguf"] = {.bytes = whole, .etag = "\"1\"", .cut_after = 600'000, .stalls = true};
    const auto newer = gguf(700'000);
    run([this, &newer]() -> asio::awaitable<void> {
        const auto cancelled = co_await (pull("lan/tiny") || until_some_has_come());
        EXPECT_EQ(cancelled.index(), 1U);
        files["/models/tiny.gguf"] = {.bytes = newer, .etag = "\"2\""};
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
    });
    EXPECT_EQ(library.find("lan/tiny")->model, digest_of(newer));
    EXPECT_THAT(asked.back(), HasSubstr("if \"1\""));
}

TEST_F(PullerTest, WithoutHashOrETagNothingIsGoneOnWith) {
    files["/models/tiny.gguf"] = {.bytes = whole, .cut_after = 600'000};
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
    });
    EXPECT_EQ(asked.back(), "GET /models/tiny.gguf");
}

TEST_F(PullerTest, ACancelledPullIsGoneOnWithByTheNext) {
    files["/models/tiny.gguf"] = {.bytes = whole, .cut_after = 600'000, .stalls = true};
    files["/models/tiny.gguf.sha256"].bytes = digest_of(whole).substr(7);
    std::set<std::string> kept;
    run([this, &kept]() -> asio::awaitable<void> {
        const auto cancelled = co_await (pull("lan/tiny") || until_some_has_come());
        EXPECT_EQ(cancelled.index(), 1U);
        kept = blobs();
        reports.clear();
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
    });
    EXPECT_TRUE(kept.contains(".partial-" + digest_of(whole).substr(7)));
    EXPECT_THAT(asked.back(), testing::MatchesRegex("GET /models/tiny.gguf bytes=[0-9]+-"));
    EXPECT_EQ(blobs(), std::set{blob_name(whole)});
}

TEST_F(PullerTest, AFullDiskKeepsWhatCameForTheNextPull) {
    files["/models/tiny.gguf"] = {.bytes = whole, .etag = "\"1\""};
    std::set<std::string> kept;
    run([this, &kept]() -> asio::awaitable<void> {
        {
            const FullDisk full(524'288);
            const auto pulled = co_await pull("lan/tiny");
            EXPECT_EQ(pulled.error().code, Code::io);
        }
        kept = blobs();
        const auto again = co_await pull("lan/tiny");
        EXPECT_TRUE(again.has_value()) << again.error().message;
    });
    EXPECT_EQ(kept.size(), 2U) << "the file and its ETag";
    EXPECT_EQ(asked.back(), "GET /models/tiny.gguf bytes=524288- if \"1\"");
    EXPECT_EQ(blobs(), std::set{blob_name(whole)});
}

TEST_F(PullerTest, TriesAgainWhereTheServerFailsButNotForEver) {
    files["/models/tiny.gguf"] = {.bytes = whole, .failures = 2};
    files["/models/broken.gguf"] = {.bytes = whole, .failures = 99};
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
        const auto broken = co_await pull("lan/broken");
        EXPECT_EQ(broken.error().code, Code::busy);
        EXPECT_EQ(broken.error().message, base + "/models/broken.gguf answered 503: busy");
    });
    EXPECT_EQ(std::ranges::count(asked, "GET /models/broken.gguf"), 3);
    EXPECT_EQ(blobs(), std::set{blob_name(whole)});
}

TEST_F(PullerTest, AttemptsAreCountedAnewOnlyWhereTheyLeadFurther) {
    const auto large = gguf(6'000'000);
    files["/models/tiny.gguf"] = {.bytes = large, .etag = "\"1\"", .cut_after = 1'200'000, .cuts_all = true};
    files["/models/over.gguf"] = {
        .bytes = large, .etag = "\"1\"", .ranges = false, .cut_after = 1'200'000, .cuts_all = true};
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
        const auto over = co_await pull("lan/over");
        EXPECT_EQ(over.error().code, Code::unavailable);
    });
    ASSERT_NE(library.find("lan/tiny"), nullptr);
    EXPECT_EQ(library.find("lan/tiny")->model, digest_of(large));
    EXPECT_EQ(
        std::ranges::count_if(asked, [](const auto& line) { return line.starts_with("GET /models/tiny.gguf b"); }), 4);
    EXPECT_EQ(std::ranges::count_if(asked, [](const auto& line) { return line.starts_with("GET /models/over.gguf"); }),
              4)
        << "three attempts, and the hash";
}

TEST_F(PullerTest, AServerThatHasGoneIsUnavailable) {
    puller.emplace(library, Sources{.sources = {{.name = "gone", .url = "http://127.0.0.1:1"}}},
                   Patience{.pause = 1ms});
    Puller& gone = *puller;
    net::TaskGroup tasks(io.get_executor());
    const auto ask = [&]() -> asio::awaitable<void> {
        const auto pulled = co_await gone.pull("gone/tiny", {});
        EXPECT_EQ(pulled.error().code, Code::unavailable);
        EXPECT_THAT(pulled.error().message, HasSubstr("http://127.0.0.1:1/tiny.gguf: "));
    };
    tasks.spawn("test", ask());
    io.run_for(10s);
}

TEST_F(PullerTest, AFileWithAnotherHashIsRemoved) {
    files["/models/tiny.gguf"].bytes = whole;
    files["/models/tiny.gguf.sha256"].bytes = digest_of("else").substr(7);
    files["/models/odd.gguf"].bytes = whole;
    files["/models/odd.gguf.sha256"].bytes = "<html>";
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_EQ(pulled.error().code, Code::upstream);
        EXPECT_THAT(pulled.error().message, HasSubstr("digest mismatch, expected \"" + digest_of("else")));
        const auto odd = co_await pull("lan/odd");
        EXPECT_THAT(odd.error().message, HasSubstr("odd.gguf.sha256 holds \"<html>\"; expected 64 hexadecimal digits"));
    });
    EXPECT_TRUE(blobs().empty());
    EXPECT_TRUE(library.list().empty());
}

TEST_F(PullerTest, APageInPlaceOfAModelIsNoticedAtItsFirstBytes) {
    files["/models/tiny.gguf"].bytes = "<html>please log in</html>";
    files["/models/empty.gguf"].bytes = "GG";
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_EQ(pulled.error().code, Code::upstream);
        EXPECT_EQ(pulled.error().message, base + "/models/tiny.gguf is not in GGUF format");
        const auto empty = co_await pull("lan/empty");
        EXPECT_EQ(empty.error().message, base + "/models/empty.gguf is not in GGUF format");
    });
    EXPECT_FALSE(blobs().contains(blob_name("GG")));
}

TEST_F(PullerTest, RoomIsAskedForBeforeTheFirstByte) {
    files["/models/tiny.gguf"].bytes = whole;
    free_space = Bytes{999'999};
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("lan/tiny");
        EXPECT_EQ(pulled.error().code, Code::io);
        EXPECT_THAT(pulled.error().message, HasSubstr("not enough disk space: 977 KiB are needed"));
    });
    EXPECT_TRUE(blobs().empty());
}

TEST_F(PullerTest, RoomIsAskedForModelAndProjectorTogether) {
    const std::string projector = "GGUF projector";
    serve_on_hub(projector);
    free_space = Bytes{1'000'013};
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await pull("hf.co/org/eyes");
        EXPECT_EQ(pulled.error().code, Code::io);
        EXPECT_THAT(asked, ElementsAre("GET /api/models/org/eyes")) << "not a byte of the model";
        free_space = Bytes{1'000'014};
        const auto enough = co_await pull("hf.co/org/eyes");
        EXPECT_TRUE(enough.has_value()) << enough.error().message;
    });
}

TEST_F(PullerTest, WhatHasComeBeforeNeedsNoRoom) {
    const std::string projector = "GGUF projector";
    serve_on_hub(projector);
    auto& file = files["/org/eyes/resolve/main/m-Q8_0.gguf"];
    file.cut_after = 600'000;
    file.stalls = true;
    run([this]() -> asio::awaitable<void> {
        const auto cancelled = co_await (pull("hf.co/org/eyes") || until_some_has_come());
        EXPECT_EQ(cancelled.index(), 1U);
        free_space = Bytes{999'999};
        const auto pulled = co_await pull("hf.co/org/eyes");
        EXPECT_TRUE(pulled.has_value()) << pulled.error().message;
    });
}

TEST_F(PullerTest, WhatIsNotAdmittedIsNotDownloaded) {
    files["/models/tiny.gguf"].bytes = whole;
    run([this]() -> asio::awaitable<void> {
        const auto pulled = co_await puller->pull("lan/tiny", {}, [](const Located& located) -> Result<void> {
            return fail(Code::no_memory, fmt::format("{} bytes", located.model.size.value_or(Bytes{}).count));
        });
        EXPECT_EQ(pulled.error().code, Code::no_memory);
        EXPECT_EQ(pulled.error().message, "1000000 bytes");
    });
    EXPECT_EQ(std::ranges::count(asked, "GET /models/tiny.gguf"), 0);
    EXPECT_TRUE(blobs().empty());
}

TEST_F(PullerTest, TwoPullsOfOneFileDoNotWriteTheSame) {
    files["/models/tiny.gguf"] = {.bytes = whole, .cut_after = 600'000, .stalls = true};
    run([this]() -> asio::awaitable<void> {
        const auto late = [this]() -> asio::awaitable<Result<Manifest>> {
            co_await pause(100ms);
            co_return co_await pull("lan/tiny");
        };
        const auto [first, second] = co_await (pull("lan/tiny") && late());
        EXPECT_TRUE(first.has_value()) << first.error().message;
        EXPECT_EQ(second.error().code, Code::busy);
    });
    EXPECT_EQ(library.find("lan/tiny")->model, digest_of(whole));
}

}  // namespace sarai::library::puller_test
