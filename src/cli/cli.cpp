#include "cli/cli.hpp"

#include <fmt/format.h>

#include <CLI/Error.hpp>
#include <algorithm>
#include <cerrno>
#include <ostream>
#include <system_error>

#include "base/nearest.hpp"
#include "cli/commands.hpp"
#include "cli/completion.hpp"
#include "cli/configuration.hpp"
#include "cli/key.hpp"
#include "cli/licenses.hpp"
#include "cli/manual.hpp"
#include "cli/pipelines.hpp"
#include "cli/ps.hpp"
#include "cli/pull.hpp"
#include "cli/route.hpp"
#include "cli/router.hpp"
#include "cli/why.hpp"
#include "config/load.hpp"
#include "config/problem.hpp"

namespace sarai::cli {
namespace {

int report(Io& io, const Error& error) {
    print_error(io, describe(error));
    return exit_status(error.code);
}

int wrong_usage(Io& io, std::string_view message, std::string_view command) {
    print_error(io, fmt::format("{}; see \"{} --help\"", message, command));
    return exit_status(Code::invalid_argument);
}

std::string join(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) text += (text.empty() ? "" : " ") + word;
    return text;
}

// The command that was meant, down to the last part that exists: "sarai config check".
const CLI::App* deepest(const CLI::App* app, std::string& name) {
    name += (name.empty() ? "" : " ") + app->get_name();
    const auto chosen = app->get_subcommands();
    return chosen.empty() ? app : deepest(chosen.front(), name);
}

int explain_usage(const CLI::ParseError& error, const std::vector<std::string>& arguments, const CLI::App& app,
                  Io& io) {
    std::string name;
    const auto& command = *deepest(&app, name);
    std::vector<std::string_view> known;
    for (const auto* child : command.get_subcommands([](const CLI::App*) { return true; }))
        known.push_back(child->get_name());
    if (known.empty()) {
        std::string message = error.what();
        while (message.ends_with('\n') || message.ends_with('.')) message.pop_back();
        return wrong_usage(io, message, name);
    }
    // The first word that is neither an option nor a part of the command so far.
    const auto depth = std::ranges::count(name, ' ');
    const auto word = std::ranges::find_if(arguments.begin() + std::min<std::ptrdiff_t>(depth, std::ssize(arguments)),
                                           arguments.end(), [](const auto& text) { return !text.starts_with('-'); });
    if (word == arguments.end()) {
        if (arguments.empty()) io.err << app.help();
        return arguments.empty() ? exit_status(Code::invalid_argument) : wrong_usage(io, "a command is missing", name);
    }
    const auto meant = nearest(*word, known);
    return wrong_usage(io,
                       fmt::format("no command \"{}\"{}", config::printable(*word),
                                   meant ? fmt::format("; did you mean {}?", *meant) : ""),
                       name);
}

int refuse_without_config(Io& io, std::string_view advice) {
    print_error(io, fmt::format("no configuration: neither ./sarai.yaml nor ./config/sarai.yaml nor "
                                "~/.config/sarai/sarai.yaml. {}",
                                advice));
    return exit_status(Code::invalid_argument);
}

int serve(const Arguments& arguments, const CliHooks& hooks, Io& io) {
    const auto file = find_config(arguments.config, io.environment);
    if (!file) return refuse_without_config(io, "Name one with --config, or try \"sarai demo\"");
    auto config = load_config(*file, io.environment);
    if (!config) return report(io, config.error());
    return hooks.serve({.config = std::move(*config)});
}

// The models of `plan` and `fit`. Files alone are planned against this machine; a configuration that happens to lie
// here is not theirs. Returns the exit status where there is nothing to go on with.
template <class Options>
std::optional<int> find_models(const Arguments& arguments, Options& options, std::string_view command, Io& io) {
    options.files = {arguments.plan_files.begin(), arguments.plan_files.end()};
    options.json = arguments.json;
    if (!options.files.empty() && arguments.config.empty()) return std::nullopt;
    const auto file = find_config(arguments.config, io.environment);
    if (!file) {
        return wrong_usage(io, fmt::format("nothing to {}: give GGUF files or --config FILE", command),
                           fmt::format("sarai {}", command));
    }
    auto config = load_config(*file, io.environment);
    if (!config) return report(io, config.error());
    options.config = std::move(*config);
    return std::nullopt;
}

int plan(const Arguments& arguments, const CliHooks& hooks, Io& io) {
    PlanOptions options{.scenario = arguments.scenario, .strict = arguments.strict};
    if (arguments.context_length != 0) options.context_length = arguments.context_length;
    for (const auto& text : arguments.what_if) options.what_if += (options.what_if.empty() ? "" : ",") + text;
    if (const auto status = find_models(arguments, options, "plan", io)) return *status;
    return hooks.plan(options);
}

int fit(const Arguments& arguments, const CliHooks& hooks, Io& io) {
    FitOptions options{.native = arguments.native, .force = arguments.force};
    if (!arguments.budget.empty()) {
        const auto budget = parse_bytes(arguments.budget);
        if (!budget) return wrong_usage(io, "--budget: " + budget.error().message, "sarai fit");
        options.budget = *budget;
    }
    if (!arguments.output.empty()) options.output = arguments.output;
    if (const auto status = find_models(arguments, options, "fit", io)) return *status;
    return hooks.fit(options);
}

int prove(const Arguments& arguments, const CliHooks& hooks, Io& io) {
    const auto server = find_server(arguments.server, io);
    if (!server) return report(io, server.error());
    ProveOptions options{.url = url_of(*server), .config = {}, .tokens = arguments.tokens, .json = arguments.json};
    if (!arguments.server.config.empty()) options.config = arguments.server.config;
    return hooks.prove(options);
}

int take_over(Arguments& arguments, const CliHooks& hooks) {
    auto& options = arguments.imported;
    options.path = arguments.source;
    options.force = arguments.force;
    if (!arguments.output.empty()) options.output = arguments.output;
    options.json = arguments.json;
    return hooks.take_over(options);
}

// A configuration that is wrong or missing is one of the things that are told.
int doctor(const Arguments& arguments, const CliHooks& hooks, Io& io) {
    DoctorOptions options{.file = find_config(arguments.config, io.environment), .json = arguments.json};
    if (options.file) {
        auto config = config::load(*options.file, io.environment);
        if (config)
            options.config = std::move(*config);
        else
            options.problems = std::move(config.error());
    }
    return hooks.doctor(options);
}

int kb(const CLI::App& command, const Arguments& arguments, Io& io) {
    const auto part = command.get_subcommands().front()->get_name();
    if (part == "add") return add_knowledge(arguments.knowledge, io);
    if (part == "search") return search_knowledge(arguments.knowledge, io);
    return part == "list" ? list_knowledge(arguments.knowledge, io) : remove_knowledge(arguments.knowledge, io);
}

int router(const CLI::App& command, Arguments& arguments, Io& io) {
    const std::string part = command.get_subcommands().front()->get_name();
    if (part == "train") return train_router(arguments.train, io);
    if (part == "eval") {
        arguments.eval.json = arguments.json;
        return evaluate_router(arguments.eval, io);
    }
    if (part == "export") return export_feedback(arguments.server, arguments.json, io);
    arguments.explain.json = arguments.json;
    arguments.explain.prompt = join(arguments.explained_words);
    return explain_prompt(arguments.explain, io);
}

int dispatch(const CLI::App& app, Arguments& arguments, const CliHooks& hooks, Io& io) {
    const std::string command = app.get_subcommands().front()->get_name();
    if (command == "serve") return serve(arguments, hooks, io);
    if (command == "demo") return hooks.demo(arguments.demo);
    if (command == "plan") return plan(arguments, hooks, io);
    if (command == "fit") return fit(arguments, hooks, io);
    if (command == "prove") return prove(arguments, hooks, io);
    if (command == "import") return take_over(arguments, hooks);
    if (command == "doctor") return doctor(arguments, hooks, io);
    if (command == "ps") return show_status(arguments.server, arguments.json, io);
    if (command == "top") {
        arguments.top.server = arguments.server;
        return show_top(arguments.top, io);
    }
    if (command == "why")
        return show_decisions(
            {.server = arguments.server, .model = arguments.model, .last = arguments.last, .json = arguments.json}, io);
    if (command == "route") return show_route(arguments.server, join(arguments.prompt_words), arguments.json, io);
    if (command == "stop" || command == "unload")
        return stop_model(arguments.server, arguments.model, arguments.drain, io);
    if (command == "pull") return pull_model(arguments.server, arguments.model, io);
    if (command == "load") return load_model(arguments.server, arguments.model, io);
    if (command == "reload") return reload_server(arguments.server, io);
    if (command == "key") return make_key(arguments.owner, io);
    if (command == "kb") return kb(*app.get_subcommands().front(), arguments, io);
    if (command == "web") return verify_audit(arguments.audit, io);
    if (command == "pipelines")
        return arguments.yaml ? print_built_in_pipelines(io)
                              : show_pipelines(arguments.server, arguments.model, arguments.json, io);
    if (command == "router") return router(*app.get_subcommands().front(), arguments, io);
    if (command == "config") {
        const auto file = find_config(arguments.checked_file, io.environment);
        return file ? check_config(file->string(), io)
                    : refuse_without_config(io, "Name one: \"sarai config check FILE\"");
    }
    if (command == "manual") {
        const auto part = part_of_manual(app, arguments.manual_part);
        if (part.empty())
            return wrong_usage(io,
                               fmt::format("the manual has no \"{}\"; \"list\" tells which pages",
                                           config::printable(arguments.manual_part)),
                               "sarai manual");
        io.out << part;
        return 0;
    }
    if (command == "completion") {
        io.out << completion_script(app, arguments.shell);
        return 0;
    }
    if (command == "run") {
        arguments.run.server = arguments.server;
        arguments.run.prompt = join(arguments.prompt_words);
        return run_model(arguments.run, io);
    }
    io.out << (arguments.licenses ? licenses_text() : "sarai " SARAI_VERSION "\n");
    return 0;
}

// Scripts go by the status: an answer that nobody got is a failure, whatever the command thinks of it.
int delivered(int status, Io& io) {
    errno = 0;
    io.out.flush();
    if (io.out) return status;
    const std::error_code cause(errno, std::generic_category());
    return report(io, {.code = Code::io, .message = "cannot write standard output", .cause = cause});
}

}  // namespace

int run_cli(int argc, char** argv, CliHooks hooks) {
    auto io = Io::of_process();
    return run_cli(std::vector<std::string>(argv + std::min(argc, 1), argv + argc), hooks, io);
}

int run_cli(const std::vector<std::string>& given, const CliHooks& hooks, Io& io) {
    Arguments arguments;
    auto words = given;
    if (!words.empty() && words.front() == "help") {  // "help plan" is "plan --help"
        words.erase(words.begin());
        words.emplace_back("--help");
    }
    const auto app = make_commands(arguments);
    try {
        // CLI11 takes the arguments from the back.
        app->parse(std::vector<std::string>(words.rbegin(), words.rend()));
    } catch (const CLI::Success& asked) {
        app->exit(asked, io.out, io.err);
        return delivered(0, io);
    } catch (const CLI::ParseError& error) { return explain_usage(error, words, *app, io); }
    return delivered(dispatch(*app, arguments, hooks, io), io);
}

}  // namespace sarai::cli
