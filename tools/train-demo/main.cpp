// sarai-train-demo: trains the demo's model on the corpus beside this file, or asks a made one questions.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "cli/curve.hpp"
#include "evaluate.hpp"
#include "gguf_file.hpp"
#include "picture.hpp"
#include "train.hpp"

namespace {

using namespace train_demo;
namespace fs = std::filesystem;
using sarai::Code;
using Clock = std::chrono::steady_clock;

struct Settings {
    fs::path corpus = "tools/train-demo/corpus";
    fs::path model = "sarai-demo.gguf";
    fs::path picture;
    fs::path questions;
    std::string language = "en";
    int listed = 40;
    Options training;
};

int give_up(const sarai::Error& error) {
    fmt::print(stderr, "sarai-train-demo: {}\n", sarai::describe(error));
    return sarai::exit_status(error.code);
}

// On a terminal a line that is drawn over itself, elsewhere one now and then.
class Teller {
public:
    void tell(const Progress& progress) {
        const auto now = Clock::now();
        const bool terminal = ::isatty(STDERR_FILENO) != 0;
        if (now - told_ < (terminal ? std::chrono::milliseconds(200) : std::chrono::seconds(20)) &&
            progress.step != progress.steps)
            return;
        told_ = now;
        const auto left =
            std::chrono::duration<double>(now - begun_).count() / progress.step * (progress.steps - progress.step);
        fmt::print(stderr, "{}step {}/{}, loss {:.3f}, held out {:.3f}, {:.0f} tokens/s, {}:{:02} left{}",
                   terminal ? "\r" : "", progress.step, progress.steps, progress.loss, progress.held_out,
                   progress.per_second, static_cast<int>(left) / 60, static_cast<int>(left) % 60,
                   terminal && progress.step != progress.steps ? "\x1b[K" : "\n");
    }

private:
    Clock::time_point begun_ = Clock::now();
    Clock::time_point told_;
};

void print_evaluation(const Evaluation& evaluation, Language language, const std::vector<Topic>& topics,
                      std::size_t listed) {
    const auto share = 100.0 * static_cast<double>(evaluation.right()) / static_cast<double>(evaluation.asked);
    fmt::print("{}: {} of {} questions answered with their topic's answer ({:.1f} %), {} of them letter by letter\n",
               code_of(language), evaluation.right(), evaluation.asked, share, evaluation.exact);
    for (std::size_t i = 0; i < std::min(listed, evaluation.misses.size()); ++i) {
        const auto& miss = evaluation.misses[i];
        fmt::print("  {} ({})\n    {}\n", miss.question.text, topics[miss.question.topic].id, miss.said);
    }
}

int ask(const Settings& settings) {
    const auto topics = load_topics(settings.corpus / "topics.jsonl");
    if (!topics) return give_up(topics.error());
    const auto language = settings.language == "es" ? Language::es : Language::en;
    const auto questions = load_questions(settings.questions, language, *topics);
    if (!questions) return give_up(questions.error());
    if (questions->empty()) {
        fmt::print(stderr, "sarai-train-demo: {} has no questions, expected some\n", settings.questions.string());
        return 1;
    }
    auto speaker = Speaker::open(settings.model, settings.training.threads);
    if (!speaker) return give_up(speaker.error());
    print_evaluation(evaluate(*speaker, *topics, *questions), language, *topics,
                     static_cast<std::size_t>(settings.listed));
    return 0;
}

int learn(Settings& settings) {
    const auto corpus = load_corpus(settings.corpus);
    if (!corpus) return give_up(corpus.error());
    Teller teller;
    settings.training.on_progress = [&](const Progress& progress) { teller.tell(progress); };
    const auto begun = Clock::now();
    const auto training = train(*corpus, settings.training);
    if (!training) return give_up(training.error());
    const auto minutes = std::chrono::duration<double, std::ratio<60>>(Clock::now() - begun).count();

    auto shape = settings.training.shape;
    shape.vocabulary = static_cast<int>(training->tokenizer.size());
    const Origin origin{.seed = settings.training.seed, .questions = training->learnt, .topics = corpus->topics.size()};
    const auto size = write_gguf(shape, training->parameters, training->tokenizer, origin, settings.model);
    if (!size) return give_up(size.error());
    fmt::print("{}", sarai::cli::render_curves(
                         {{"learnt", training->curve.learnt}, {"held out", training->curve.held_out}}, 78, 14, true));
    fmt::print(
        "{}: {}, {:.2f} M parameters, {} questions about {} topics, {:.1f} M tokens in {:.1f} minutes, seed {}\n",
        settings.model.string(), sarai::to_string(*size), static_cast<double>(parameter_count(shape)) / 1e6,
        training->learnt, corpus->topics.size(), static_cast<double>(training->tokens) / 1e6, minutes,
        settings.training.seed);
    if (!settings.picture.empty()) {
        std::ofstream out(settings.picture);
        out << draw_svg(training->curve, settings.training.steps, "Loss while the demo's model learns");
        if (!out.flush()) return give_up({.code = Code::io, .message = "cannot write " + settings.picture.string()});
    }

    auto speaker = Speaker::open(settings.model, settings.training.threads);
    if (!speaker) return give_up(speaker.error());
    if (const auto text = cut_differently(*speaker, training->tokenizer, *corpus); !text.empty())
        return give_up({.code = Code::internal,
                        .message = fmt::format("llama.cpp cuts \"{}\" into other tokens than were learnt", text)});
    for (const auto language : all_languages) {
        std::vector<Question> held;
        std::ranges::copy_if(training->held_out, std::back_inserter(held),
                             [&](const Question& one) { return one.language == language; });
        if (!held.empty())
            print_evaluation(evaluate(*speaker, corpus->topics, held), language, corpus->topics,
                             static_cast<std::size_t>(settings.listed));
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Trains the demo's model, or asks one questions with --eval.", "sarai-train-demo");
    Settings settings;
    auto& training = settings.training;
    app.add_option("--corpus", settings.corpus, "folder of topics.jsonl, en.jsonl and es.jsonl")->capture_default_str();
    app.add_option("-o,--output,--model", settings.model, "the GGUF file: to be made, or to be asked")
        ->capture_default_str();
    app.add_option("--svg", settings.picture, "also draw the losses' curve into this file");
    app.add_option("--eval", settings.questions,
                   "train nothing: ask the model the questions of this file, of lines "
                   "{\"id\": TOPIC, \"q\": [QUESTION…]}, and list what it misses");
    app.add_option("--lang", settings.language, "of the questions of --eval")
        ->check(CLI::IsMember({"en", "es"}))
        ->capture_default_str();
    app.add_option("--list", settings.listed, "misses to list at most")->capture_default_str();
    app.add_option("--seed", training.seed, "same seed and options, same model on the same processor")
        ->capture_default_str();
    app.add_option("--steps", training.steps)->check(CLI::Range(1, 1'000'000))->capture_default_str();
    app.add_option("--threads", training.threads, "do not change what is learnt")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--graphs", training.graphs, "whose gradients are added up for a step")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_option("--rows", training.rows, "of a graph")->check(CLI::Range(1, 256))->capture_default_str();
    app.add_option("--length", training.length, "of a row, in tokens")
        ->check(CLI::Range(32, 1024))
        ->capture_default_str();
    app.add_option("--rate", training.rate, "of learning, at its highest")->capture_default_str();
    app.add_option("--decay", training.decay, "of the weights")->capture_default_str();
    app.add_option("--dropout", training.dropped, "share of what flows through the model")
        ->check(CLI::Range(0.0, 0.9))
        ->capture_default_str();
    app.add_option("--held-out", training.held_out, "share of the questions")
        ->check(CLI::Range(0.0, 0.9))
        ->capture_default_str();
    app.add_option("--vocabulary", training.shape.vocabulary, "tokens")
        ->check(CLI::Range(300, 8192))
        ->capture_default_str();
    app.add_option("--layers", training.shape.layers)->check(CLI::Range(1, 12))->capture_default_str();
    app.add_option("--width", training.shape.embedding)->check(CLI::Range(32, 512))->capture_default_str();
    app.add_option("--heads", training.shape.heads)->check(CLI::Range(1, 16))->capture_default_str();
    app.add_option("--hidden", training.shape.hidden)->check(CLI::Range(32, 2048))->capture_default_str();
    app.footer("Example:  nice sarai-train-demo -o demo/sarai-demo.gguf --svg demo/loss.svg");
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) { return app.exit(error) == 0 ? 0 : 2; }
    return settings.questions.empty() ? learn(settings) : ask(settings);
}
