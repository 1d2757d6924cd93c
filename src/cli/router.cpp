#include "cli/router.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <istream>
#include <iterator>
#include <ostream>

#include "base/error.hpp"
#include "base/utf8.hpp"
#include "cli/router_view.hpp"
#include "cli/table.hpp"
#include "router/count.hpp"
#include "router/explain.hpp"
#include "router/linear.hpp"
#include "router/train.hpp"

namespace sarai::cli {
namespace {

using Clock = std::chrono::steady_clock;

router::Size size_named(std::string_view name) { return name == "mini" ? router::Size::mini : router::Size::router; }

Result<router::Classifier> open(const RouterChoice& choice) {
    if (choice.weights.empty()) return router::Classifier::built_in(size_named(choice.size));
    return router::Classifier::open(choice.weights);
}
std::string name_of_weights(const RouterChoice& choice) {
    return choice.weights.empty() ? std::string(name_of(size_named(choice.size))) : choice.weights;
}

Result<std::vector<router::Example>> load(const std::vector<std::string>& names) {
    const std::vector<std::filesystem::path> paths(names.begin(), names.end());
    return router::load_examples(paths);
}

std::string lasting(Clock::duration time) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time).count();
    return fmt::format("{}:{:02}", seconds / 60, seconds % 60);
}

// A bar that is drawn over itself on a terminal, and a line an epoch elsewhere.
class TrainingProgress {
public:
    TrainingProgress(Io& io, int epochs) : io_(io), epochs_(epochs) {}

    void part(float done) {
        const auto now = Clock::now();
        if (!io_.err_terminal || now - drawn_ < std::chrono::milliseconds(200)) return;
        drawn_ = now;
        const double all = (epoch_ + static_cast<double>(done)) / epochs_;
        const auto left =
            std::chrono::duration_cast<Clock::duration>((now - begun_) * ((1 - all) / std::max(all, 1e-3)));
        io_.err << fmt::format("\r{} epoch {}/{}, at most {} left {}\x1b[K",
                               render_bar({.filled = std::lround(all * 1000), .whole = 1000}, 24, io_.unicode),
                               epoch_ + 1, epochs_, lasting(left), last_)
                << std::flush;
    }
    void epoch(const router::EpochReport& report) {
        epoch_ = report.epoch;
        last_ =
            fmt::format("| loss {:.4f}, validation {:.4f}, accuracy {:.1f} %{}", report.training_loss,
                        report.validation_loss, 100 * report.validation_accuracy, report.best ? ", best so far" : "");
        if (!io_.err_terminal) io_.err << fmt::format("epoch {}/{} {}\n", epoch_, epochs_, last_) << std::flush;
    }
    [[nodiscard]] std::string end() {
        if (io_.err_terminal) io_.err << "\r\x1b[K" << std::flush;
        return lasting(Clock::now() - begun_);
    }

private:
    Io& io_;
    int epochs_;
    int epoch_ = 0;
    std::string last_;
    Clock::time_point begun_ = Clock::now();
    Clock::time_point drawn_;
};

struct Asked {
    std::vector<router::Answer> answers;
    double languages = 0;
    double microseconds = 0;
};

Asked ask_all(const router::Classifier& classifier, const std::vector<router::Example>& examples) {
    Asked asked;
    std::vector<double> times;
    double told = 0;
    for (const auto& example : examples) {
        const auto begun = Clock::now();
        const auto scores = classifier.score(example.text);
        times.push_back(std::chrono::duration<double, std::micro>(Clock::now() - begun).count());
        asked.answers.push_back(router::answer_of(example, scores, classifier.familiar_enough()));
        told += scores.language == example.language ? 1 : 0;
    }
    std::ranges::nth_element(times, times.begin() + std::ssize(times) / 2);
    asked.microseconds = times[times.size() / 2];
    asked.languages = told / static_cast<double>(examples.size());
    return asked;
}

}  // namespace

int train_router(const TrainOptions& options, Io& io) {
    const auto examples = load(options.data);
    if (!examples) return fail_with(io, examples.error());
    std::vector<router::Classifier> teachers;
    for (const auto& file : options.teachers) {
        auto teacher = router::Classifier::open(file);
        if (!teacher) return fail_with(io, teacher.error());
        teachers.push_back(std::move(*teacher));
    }
    const auto size = size_named(options.size);
    auto training = router::training_of(size);
    training.seed = options.seed;
    training.validation = static_cast<float>(options.validation);
    if (options.epochs > 0) training.epochs = options.epochs;
    for (const auto& teacher : teachers) training.teachers.push_back(&teacher);
    TrainingProgress progress(io, training.epochs);
    training.on_progress = [&](float done) { progress.part(done); };
    training.on_epoch = [&](const router::EpochReport& epoch) { progress.epoch(epoch); };

    const auto trained = router::train(*examples, training);
    const auto took = progress.end();
    if (!trained) return fail_with(io, trained.error());
    const std::filesystem::path output = options.output.empty() ? std::string(name_of(size)) + ".gguf" : options.output;
    if (const auto written = router::write_weights(trained->model, output); !written)
        return fail_with(io, written.error());
    io.out << training_text(trained->curve, 78, io.unicode);
    io.out << fmt::format("{}: {:.1f} M parameters, learnt from {} prompts in {}, {} kept for validation, seed {}\n",
                          output.string(), static_cast<double>(router::parameter_count(training.shape)) / 1e6,
                          trained->learnt, took, trained->validated, options.seed);
    return 0;
}

int evaluate_router(const EvalOptions& options, Io& io) {
    const auto examples = load(options.data);
    if (!examples) return fail_with(io, examples.error());
    const auto classifier = open(options.choice);
    if (!classifier) return fail_with(io, classifier.error());
    const auto asked = ask_all(*classifier, *examples);
    Evaluation evaluation{.name = name_of_weights(options.choice),
                          .parameters = classifier->parameters(),
                          .memory = classifier->memory(),
                          .microseconds = asked.microseconds,
                          .metrics = router::measure(asked.answers),
                          .languages = asked.languages,
                          .baseline = {},
                          .mistakes = {}};
    if (!options.baseline.empty()) {
        const auto learnt = load(options.baseline);
        if (!learnt) return fail_with(io, learnt.error());
        std::vector<const router::Example*> pointers;
        for (const auto& one : *learnt) pointers.push_back(&one);
        const auto vocabulary = router::count_vocabulary(*learnt, std::size_t{1} << 17);  // nothing is left out
        const router::LinearModel regression(pointers, vocabulary, {});
        std::vector<router::Answer> answers;
        for (const auto& example : *examples) answers.push_back(regression.answer(example));
        evaluation.baseline = router::measure(answers);
    }
    for (std::size_t i = 0; i < examples->size() && options.errors; ++i) {
        const auto& answer = asked.answers[i];
        if (answer.given == answer.expected) continue;
        evaluation.mistakes.push_back({.text = (*examples)[i].text,
                                       .expected = answer.expected,
                                       .given = answer.given,
                                       .acceptable = answer.acceptable,
                                       .confidence = answer.confidence});
    }
    io.out << (options.json ? evaluation_json(evaluation)
                            : evaluation_text(evaluation, {wants_colour(io, io.out_terminal)}));
    return 0;
}

int explain_prompt(const ExplainOptions& options, Io& io) {
    const auto classifier = open(options.choice);
    if (!classifier) return fail_with(io, classifier.error());
    std::string prompt = options.prompt;
    if (prompt.empty() && io.in_data) prompt.assign(std::istreambuf_iterator<char>(io.in), {});
    if (prompt.empty()) {
        print_error(io, R"(PROMPT is missing; see "sarai router explain --help")");
        return exit_status(Code::invalid_argument);
    }
    Explanation explanation{.name = name_of_weights(options.choice),
                            .scores = classifier->score(prompt),
                            .familiar_enough = classifier->familiar_enough(),
                            .influences = {},
                            .similar = {},
                            .no_similar = {}};
    explanation.influences = router::influences(*classifier, prompt, explanation.scores.best());
    if (const auto examples = load({options.data})) {
        for (const auto& one : router::nearest_examples(*classifier, prompt, *examples))
            explanation.similar.push_back({.text = (*examples)[one.example].text,
                                           .label = (*examples)[one.example].label,
                                           .likeness = one.likeness});
    } else {
        explanation.no_similar = examples.error().message + "; name the training data with --data";
    }
    io.out << (options.json ? explanation_json(explanation)
                            : explanation_text(explanation, io.unicode, {wants_colour(io, io.out_terminal)}));
    return 0;
}

}  // namespace sarai::cli
