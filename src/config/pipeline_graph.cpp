#include "config/pipeline_graph.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>
#include <set>

#include "base/nearest.hpp"
#include "base/prompt_template.hpp"
#include "config/problem.hpp"

namespace sarai::config {
namespace {

constexpr std::size_t most_steps = 64;
// What every template may read beside steps.NAME and parameters.NAME.
constexpr std::array<std::string_view, 7> plain_names{"input",  "language", "images", "audios",
                                                      "videos", "today",    "name"};
// What is known when the answer begins, so that nothing before it may read them.
constexpr std::array<std::string_view, 2> final_names{"sources", "notes"};

bool is_step_name(std::string_view name) {
    constexpr std::string_view first = "abcdefghijklmnopqrstuvwxyz_";
    return !name.empty() && name.size() <= 64 && first.contains(name.front()) &&
           name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789") == std::string_view::npos;
}

class GraphReader {
public:
    explicit GraphReader(const Pipeline& pipeline) : pipeline_(pipeline), steps_(pipeline.steps) {}

    PipelineReading run() {
        if (steps_.empty() || steps_.size() > most_steps) {
            of_pipeline("steps", steps_.empty() ? "none" : fmt::format("{} steps", steps_.size()),
                        fmt::format("1 to {} steps", most_steps));
            return std::move(reading_);
        }
        for (const auto& step : steps_) names_.push_back(step.name);
        reading_.graph.needs.resize(steps_.size());
        find_output();
        for (std::size_t i = 0; i < steps_.size(); ++i) read_step(i);
        of_pipeline_ = true;
        read_text(reading_.graph.output, "preface", PromptTemplate::parse(pipeline_.preface));
        read_text(reading_.graph.output, "closing", PromptTemplate::parse(pipeline_.closing));
        of_pipeline_ = false;
        if (reading_.faults.empty()) put_in_order();
        if (reading_.faults.empty()) find_useless();
        return std::move(reading_);
    }

private:
    void read_step(std::size_t i) {
        const auto& step = steps_[i];
        if (!is_step_name(step.name))
            add(i, "name", step.name.empty() ? "missing" : in_quotes(step.name),
                "a name of lower-case letters, digits and _, not a digit in front");
        else if (std::ranges::find(names_, step.name) - names_.begin() != static_cast<std::ptrdiff_t>(i))
            add(i, "name", in_quotes(step.name), "a name that no other step has");
        read_text(i, "system", PromptTemplate::parse(step.system));
        read_text(i, "prompt", PromptTemplate::parse(step.prompt));
        read_text(i, "query", PromptTemplate::parse(step.query));
        const auto collection = PromptTemplate::parse(step.knowledge);
        read_text(i, "knowledge", collection);
        // Whose model embeds has to be known before anything begins, for the proof of memory.
        if (collection)
            for (const auto& name : collection->names())
                if (name.starts_with("steps."))
                    add(i, "knowledge", fmt::format("reads {}", in_quotes(name)), "a name, or parameters.NAME");
        if (!step.when.empty()) read_text(i, "when", PromptTemplate::parse_condition(step.when));
        for (const auto& name : step.after) need(i, "after", name);
    }

    void read_text(std::size_t i, std::string key, const Result<PromptTemplate>& text) {
        if (!text) return add(i, std::move(key), text.error().message, "a template");
        for (const auto& name : text->names()) {
            if (name.starts_with("steps.")) {
                need(i, key, name.substr(6));
            } else if (name.starts_with("parameters.")) {
                if (pipeline_.parameters.contains(name.substr(11))) continue;
                std::vector<std::string_view> known;
                for (const auto& [parameter, value] : pipeline_.parameters) known.push_back(parameter);
                add(i, key, fmt::format("reads {}", in_quotes(name)), "a parameter of this pipeline",
                    std::string(nearest(name.substr(11), known).value_or("")));
            } else if (i == reading_.graph.output && std::ranges::contains(final_names, std::string_view(name))) {
                continue;
            } else if (!std::ranges::contains(plain_names, std::string_view(name))) {
                add(i, key, fmt::format("reads {}", in_quotes(name)),
                    fmt::format("{}, steps.NAME or parameters.NAME", fmt::join(plain_names, ", ")),
                    std::string(nearest(name, plain_names).value_or("")));
            }
        }
    }

    void need(std::size_t i, const std::string& key, const std::string& name) {
        const auto found = std::ranges::find(names_, name);
        if (found == names_.end())
            return add(i, key, in_quotes(name), "the name of a step of this pipeline",
                       std::string(nearest(name, names_).value_or("")));
        auto& needs = reading_.graph.needs[i];
        const auto at = static_cast<std::size_t>(found - names_.begin());
        if (at == i && of_pipeline_) return;
        if (at == i) return add(i, key, in_quotes(name), "another step than itself");
        if (!std::ranges::contains(needs, at)) needs.push_back(at);
        std::ranges::sort(needs);
    }

    void find_output() {
        auto& output = reading_.graph.output;
        output = steps_.size() - 1;
        if (!pipeline_.output.empty()) {
            const auto found = std::ranges::find(names_, pipeline_.output);
            if (found == names_.end())
                return of_pipeline("output", in_quotes(pipeline_.output), "the name of a step of this pipeline",
                                   std::string(nearest(pipeline_.output, names_).value_or("")));
            output = static_cast<std::size_t>(found - names_.begin());
        }
        if (!steps_[output].when.empty())
            add(output, "when", "a condition of the step that answers", "none: there has to be an answer");
        if (!steps_[output].asks_model())
            add(output, steps_[output].web ? "web" : "knowledge", "a search as the step that answers",
                "a step that asks a model");
    }

    void put_in_order() {
        auto& order = reading_.graph.order;
        std::vector<bool> done(steps_.size());
        while (order.size() < steps_.size()) {
            const auto before = order.size();
            for (std::size_t i = 0; i < steps_.size(); ++i)
                if (!done[i] && std::ranges::all_of(reading_.graph.needs[i], [&](auto need) { return done[need]; })) {
                    done[i] = true;
                    order.push_back(i);
                }
            if (order.size() == before) return report_cycle(done);
        }
    }

    void report_cycle(const std::vector<bool>& done) {
        auto at = static_cast<std::size_t>(std::ranges::find(done, false) - done.begin());
        std::vector<std::size_t> path;
        while (!std::ranges::contains(path, at)) {
            path.push_back(at);
            at = *std::ranges::find_if(reading_.graph.needs[at], [&](auto need) { return !done[need]; });
        }
        path.erase(path.begin(), std::ranges::find(path, at));
        std::string words = steps_[at].name;
        for (auto it = path.begin() + 1; it != path.end(); ++it) words += " needs " + steps_[*it].name;
        words += ", which needs " + steps_[at].name;
        add(at, path.size() == 1 ? "name" : "prompt", words, "steps that do not wait for each other in a circle");
    }

    void find_useless() {
        std::set<std::size_t> useful{reading_.graph.output};
        for (auto it = reading_.graph.order.rbegin(); it != reading_.graph.order.rend(); ++it)
            if (useful.contains(*it)) useful.insert(reading_.graph.needs[*it].begin(), reading_.graph.needs[*it].end());
        for (std::size_t i = 0; i < steps_.size(); ++i)
            if (!useful.contains(i))
                add(i, "name", fmt::format("the result of {} is read by no step", in_quotes(steps_[i].name)),
                    fmt::format("steps that {} needs", in_quotes(steps_[reading_.graph.output].name)));
    }

    void add(std::size_t step, std::string key, std::string value, std::string expected, std::string suggestion = {}) {
        reading_.faults.push_back({.step = step,
                                   .key = std::move(key),
                                   .of_pipeline = of_pipeline_,
                                   .value = std::move(value),
                                   .expected = std::move(expected),
                                   .suggestion = std::move(suggestion)});
    }
    void of_pipeline(std::string key, std::string value, std::string expected, std::string suggestion = {}) {
        add(0, std::move(key), std::move(value), std::move(expected), std::move(suggestion));
        reading_.faults.back().of_pipeline = true;
    }

    const Pipeline& pipeline_;
    const std::vector<PipelineStep>& steps_;
    std::vector<std::string_view> names_;
    PipelineReading reading_;
    bool of_pipeline_ = false;  // what is read is the pipeline's own
};

}  // namespace

PipelineReading read_graph(const Pipeline& pipeline) { return GraphReader(pipeline).run(); }

}  // namespace sarai::config
