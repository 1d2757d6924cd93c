// Fifty times: a process that changes a store is killed in the middle (SIGKILL); what it said was done is there.
#include <fmt/format.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <thread>

#include "stores.hpp"

namespace sarai::knowledge::kill_test {
namespace {

constexpr int kills = 50;

// A document's version; none: it is not there.
using State = std::map<std::string, std::optional<std::string>>;

struct Step {
    std::string path;
    std::optional<std::string> version;
};

template <class Kind>
class Kill : public StoreTest<Kind> {
protected:
    // What a writer said until it was killed, `after` some changes.
    std::string run_and_kill(int seed, std::chrono::microseconds after) {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        const auto program = std::string(SARAI_BIN_DIR) + "/knowledge-writer";
        const auto seed_text = std::to_string(seed);
        const auto pid = ::fork();
        if (pid == 0) {
            ::dup2(ends[1], 1);
            ::close(ends[0]);
            ::close(ends[1]);
            ::execl(program.c_str(), program.c_str(), this->place_.c_str(), seed_text.c_str(), nullptr);
            ::_exit(127);
        }
        ::close(ends[1]);
        std::string said;
        char block[4096];
        // By what it has done and not by the clock, so that a busy machine makes the test longer and not emptier; one
        // in seven is killed at once, perhaps while it opens the store.
        const auto done_so_far = [&] {
            std::size_t count = 0;
            for (auto at = said.find("done\n"); at != std::string::npos; at = said.find("done\n", at + 1)) ++count;
            return count;
        };
        while (seed % 7 != 0 && done_so_far() < static_cast<std::size_t>(1 + seed % 5)) {
            const auto got = ::read(ends[0], block, sizeof block);
            if (got <= 0) break;
            said.append(block, static_cast<std::size_t>(got));
        }
        std::this_thread::sleep_for(after);
        ::kill(pid, SIGKILL);
        for (;;) {
            const auto got = ::read(ends[0], block, sizeof block);
            if (got <= 0) break;
            said.append(block, static_cast<std::size_t>(got));
        }
        ::close(ends[0]);
        ::waitpid(pid, nullptr, 0);
        return said;
    }

    // Applies what was acknowledged; the last step, if it was not, may have been done or not.
    static std::optional<Step> follow(const std::string& said, State& state, int& done) {
        std::istringstream lines(said);
        std::optional<Step> open;
        for (std::string line; std::getline(lines, line);) {
            EXPECT_FALSE(line.starts_with("error")) << line;
            if (line.starts_with("begin ")) {
                std::istringstream words(line);
                std::string begin, verb, path, version;
                words >> begin >> verb >> path >> version;
                open = Step{path, verb == "put" ? std::optional(version) : std::nullopt};
            } else if (line == "done") {
                state[open->path] = open->version;
                open.reset();
                ++done;
            }
        }
        return open;
    }

    void expect_there(const std::string& path, const std::string& version) {
        const auto number = std::stoul(path.substr(4));
        for (unsigned i = 0; i < 1 + number % 6; ++i) {
            const auto word = fmt::format("doc{}v{}c{}", number, version, i);
            const auto text = word + " and other words";
            for (const auto& hits : {this->store_->by_words("docs", word, 1),
                                     this->store_->by_vector("docs", test::hashed_ngrams(text, 64), 1)}) {
                ASSERT_TRUE(hits) << describe(hits.error());
                ASSERT_EQ(hits->size(), 1) << word;
                const auto passages = this->store_->passages("docs", std::vector{hits->front().chunk});
                ASSERT_TRUE(passages);
                ASSERT_EQ(passages->size(), 1) << word;
                EXPECT_EQ(passages->front().chunk.text, text);
                EXPECT_EQ(passages->front().path, path);
            }
        }
    }
};
TYPED_TEST_SUITE(Kill, BothStores);

TYPED_TEST(Kill, FiftyTimesNothingAcknowledgedIsLost) {
    State state;
    int done = 0, unsure = 0;
    std::mt19937 random(50);
    this->store_.reset();  // nobody but the writers is there when they are killed
    for (int kill = 0; kill < kills; ++kill) {
        const auto open =
            this->follow(this->run_and_kill(kill, std::chrono::microseconds(random() % 30'000)), state, done);
        TypeParam::settle(this->place_);
        this->open();
        const auto checked = this->store_->check();
        ASSERT_TRUE(checked) << describe(checked.error());
        if (!this->store_->collection("docs")) {
            ASSERT_TRUE(state.empty());
            this->store_.reset();
            continue;
        }
        if (open) {
            ++unsure;
            const auto there = this->store_->document("docs", open->path);
            ASSERT_TRUE(there);
            const auto version = *there ? std::optional((*there)->hash) : std::nullopt;
            EXPECT_TRUE(version == open->version || version == state[open->path]) << open->path;
            state[open->path] = version;
        }
        std::size_t documents = 0;
        for (const auto& [path, version] : state) {
            const auto there = this->store_->document("docs", path);
            ASSERT_TRUE(there);
            ASSERT_EQ(*there ? std::optional((*there)->hash) : std::nullopt, version) << path << " after kill " << kill;
            if (!version) continue;
            ++documents;
            this->expect_there(path, *version);
        }
        EXPECT_EQ(this->store_->documents("docs")->size(), documents);
        if (this->HasFatalFailure()) return;
        this->store_.reset();
    }
    fmt::print("{} changes were acknowledged in {} runs, {} were under way when they were killed\n", done, kills,
               unsure);
    EXPECT_GT(done, kills) << "runs that do nothing show nothing";
    EXPECT_GT(unsure, 0) << "no kill fell into a change";
}

}  // namespace
}  // namespace sarai::knowledge::kill_test
