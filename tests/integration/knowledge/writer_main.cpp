// knowledge-writer PLACE SEED: changes a store until it is killed, and says what it is about to do and what is done.
//
//     begin put doc-7 3 | begin remove doc-7 0 | done
//
// Version 3 of doc-7 has chunks that hold the words doc7v3c0, doc7v3c1, …
#include <fmt/format.h>
#include <unistd.h>

#include <random>

#include "knowledge/store.hpp"
#include "support/hashed_ngrams.hpp"

using namespace sarai;
using namespace sarai::knowledge;

namespace {

void say(std::string_view line) {  // in one write, so that a line is there whole or not at all
    if (::write(1, line.data(), line.size()) < 0) ::_exit(3);
}

[[noreturn]] void give_up(const Error& error) {
    say("error " + describe(error) + "\n");
    ::_exit(1);
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 3) return 2;
    auto store = open_store(argv[1]);
    if (!store) give_up(store.error());
    if (auto made = (*store)->make_collection("docs", "hashed-ngrams", 64); !made) give_up(made.error());
    std::mt19937 random(static_cast<unsigned>(std::stoul(argv[2])));
    say("ready\n");
    for (unsigned step = 0;; ++step) {
        const auto number = random() % 40;
        const auto path = fmt::format("doc-{}", number);
        if (random() % 5 == 0) {
            say(fmt::format("begin remove {} 0\n", path));
            if (auto done = (*store)->remove("docs", path); !done) give_up(done.error());
        } else {
            const auto version = random() % 1'000'000;
            std::vector<Chunk> chunks;
            std::vector<Vector> vectors;
            for (unsigned i = 0; i < 1 + number % 6; ++i) {
                const auto text = fmt::format("doc{}v{}c{} and other words", number, version, i);
                chunks.push_back({.text = text, .begin = i * 100, .end = i * 100 + text.size()});
                vectors.push_back(test::hashed_ngrams(text, 64));
            }
            say(fmt::format("begin put {} {}\n", path, version));
            if (auto done = (*store)->put("docs", {.path = path, .hash = std::to_string(version)}, chunks, vectors);
                !done)
                give_up(done.error());
        }
        say("done\n");
        // Kills are to fall into these as well.
        if (step % 4 == 3) {
            if (auto saved = (*store)->save(); !saved) give_up(saved.error());
        }
    }
}
