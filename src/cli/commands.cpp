#include "cli/commands.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>

namespace sarai::cli {
namespace {

// CLI11's help without validators' names in it, blanks at line ends and lines that examples are folded into.
class Help : public CLI::Formatter {
public:
    Help() { enable_footer_formatting(false); }

    [[nodiscard]] std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
        const std::string whole = CLI::Formatter::make_help(app, std::move(name), mode);
        std::string text;
        for (std::string_view rest = whole; !rest.empty();) {
            const auto end = std::min(rest.find('\n'), rest.size());
            auto line = rest.substr(0, end);
            line = line.substr(0, line.find_last_not_of(' ') + 1);
            if (!line.empty() || (!text.empty() && !text.ends_with("\n\n"))) text += std::string(line) + "\n";
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
        while (text.ends_with("\n\n")) text.pop_back();
        return text;
    }
    [[nodiscard]] std::string make_option_opts(const CLI::Option* option) const override {
        const bool has_value = !option->get_positional() && option->get_items_expected_max() > 0;
        return has_value ? " " + option->get_type_name() : std::string();
    }
};

void add_json(CLI::App& command, Arguments& arguments) { command.add_flag("--json", arguments.json, "Print JSON"); }

void add_server(CLI::App& command, Arguments& arguments) {
    auto* url = command.add_option("--url", arguments.server.url,
                                   "The server's address; without it SARAI_URL, then " + std::string(default_url));
    url->type_name("URL");
    auto* config = command.add_option("--config", arguments.server.config, "Take the address from this configuration");
    config->type_name("FILE")->excludes(url);
}

CLI::App* add(CLI::App& parent, const std::string& name, const std::string& about, const std::string& examples) {
    auto* command = parent.add_subcommand(name, about);
    command->footer("EXAMPLES:\n" + examples);
    return command;
}

void add_choice(CLI::App& command, RouterChoice& choice) {
    auto* weights = command.add_option("--weights", choice.weights,
                                       "Weights made by \"sarai router train\"; without it those within the program");
    weights->type_name("FILE");
    command.add_option("--size", choice.size, "Of the weights within the program (router)")
        ->type_name("router|mini")
        ->check(CLI::IsMember({"router", "mini"}).description(""))
        ->excludes(weights);
}

void add_knowledge_commands(CLI::App& app, Arguments& arguments) {
    auto& options = arguments.knowledge;
    auto* kb = add(app, "kb", "Documents that are searched by words and by what they mean",
                   "  sarai kb add ~/notes manual.pdf\n"
                   "  sarai kb search \"How do I reset it?\"\n"
                   "  sarai kb list\n");
    kb->require_subcommand(1);
    const auto common = [&](CLI::App& command) {
        command
            .add_option("--store", options.store,
                        "A folder, or postgresql://…; without it SARAI_KNOWLEDGE_STORE, the configuration's "
                        "knowledge.store, then "
                        "one in sarai's state folder")
            ->type_name("WHERE");
        command.add_option("--collection", options.collection, "Which of its collections (default)")->type_name("NAME");
        command.add_option("--config", options.server.config, "The configuration that names store and address")
            ->type_name("FILE");
    };
    const auto served = [&](CLI::App& command) {
        command
            .add_option("--model", options.model,
                        "That embeds; without it the collection's own, then the server's first one")
            ->type_name("NAME");
        auto* url = command.add_option("--url", options.server.url,
                                       "The server's address; without it SARAI_URL, then " + std::string(default_url));
        url->type_name("URL");  // beside --config, which then names the store alone
    };
    auto* add_files = add(*kb, "add", "Add files and folders, and what has changed of them since",
                          "  sarai kb add docs/ README.md --collection sarai\n"
                          "  sarai kb add ~/notes --remove-gone\n");
    add_files->add_option("PATH", options.paths, "Text, Markdown, HTML, PDF, source code; folders with all below")
        ->required();
    add_files->add_flag("--remove-gone", options.remove_gone,
                        "Remove documents below these paths whose files are gone");
    add_files->add_flag("--json", options.json, "Print JSON");
    common(*add_files);
    served(*add_files);
    auto* search = add(*kb, "search", "Find passages, with where they stand",
                       "  sarai kb search \"Which port does it listen on?\"\n"
                       "  sarai kb search --json -k 3 puerto | jq -r '.results[].citation'\n");
    search->add_option("QUESTION", options.question, "What is looked for")->required();
    search->add_option("-k", options.most, "How many passages (5)")
        ->check(CLI::Range(1, 100).description(""))
        ->type_name("N");
    search->add_flag("--words", options.words_only, "By words alone; needs no server");
    search->add_flag("--json", options.json, "Print JSON");
    common(*search);
    served(*search);
    auto* list = add(*kb, "list", "List collections", "  sarai kb list\n");
    list->add_flag("--json", options.json, "Print JSON");
    common(*list);
    auto* remove = add(*kb, "remove", "Remove a collection, or one document of it",
                       "  sarai kb remove --collection old\n"
                       "  sarai kb remove notes/draft.md\n");
    remove->add_option("DOCUMENT", options.document, "Its path; without it the whole collection");
    common(*remove);
}

void add_web_commands(CLI::App& app, Arguments& arguments) {
    auto* web = add(app, "web", "What pipelines have searched the web for", "  sarai web verify\n");
    web->require_subcommand(1);
    auto* verify = add(*web, "verify", "Check that nobody has changed the log of searches",
                       "  sarai web verify\n"
                       "  sarai web verify /var/lib/sarai/web.jsonl --json | jq .whole\n");
    verify->add_option("FILE", arguments.audit.file, "The log; without it the configuration's web.audit_log");
    verify->add_option("--config", arguments.audit.config, "The configuration that names it")->type_name("FILE");
    verify->add_flag("--json", arguments.audit.json, "Print JSON");
}

void add_router(CLI::App& app, Arguments& arguments) {
    auto* router = add(app, "router", "Train, measure and explain what sends prompts of \"auto\" to models",
                       "  sarai router explain \"Why does my loop never end?\"\n"
                       "  sarai router eval data/router/dev.jsonl\n"
                       "  sarai router train data/router/train\n");
    router->require_subcommand(1);

    auto* train = add(*router, "train", "Train weights from labelled prompts; the same seed gives the same file",
                      "  sarai router train data/router/train --out trm-router.gguf\n"
                      "  sarai router train data/router/train my.jsonl --size mini --teacher trm-router.gguf\n");
    train->add_option("DATA", arguments.train.data, "JSON Lines with text, label, also, lang; or folders of them")
        ->required()
        ->type_name("FILE");
    train->add_option("--out", arguments.train.output, "Where the weights go (trm-router.gguf or trm-mini.gguf here)")
        ->type_name("FILE");
    train->add_option("--size", arguments.train.size, "router: 7.1 M parameters; mini: 3.6 M (router)")
        ->type_name("router|mini")
        ->check(CLI::IsMember({"router", "mini"}).description(""));
    train->add_option("--teacher", arguments.train.teachers, "Weights whose answers are learnt too; may be repeated")
        ->type_name("FILE")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
    train->add_option("--seed", arguments.train.seed, "Of everything that is random (1)")->type_name("N");
    train->add_option("--epochs", arguments.train.epochs, "At most so many passes over the data")
        ->type_name("N")
        ->check(CLI::Range(1, 1000).description(""));
    train
        ->add_option("--validation", arguments.train.validation,
                     "Share that is not learnt from, but decides when to stop (0.1)")
        ->type_name("SHARE")
        ->check(CLI::Range(0.0, 0.9).description(""));

    auto* eval = add(*router, "eval", "Measure weights on labelled prompts",
                     "  sarai router eval data/router/dev.jsonl\n"
                     "  sarai router eval my.jsonl --size mini --errors\n"
                     "  sarai router eval data/router/dev.jsonl --baseline data/router/train\n");
    eval->add_option("DATA", arguments.eval.data, "JSON Lines with text, label, also, lang; or folders of them")
        ->required()
        ->type_name("FILE");
    add_choice(*eval, arguments.eval.choice);
    eval->add_option("--baseline", arguments.eval.baseline, "Compare with a logistic regression trained on this")
        ->type_name("FILE")
        ->expected(1)
        ->allow_extra_args(false)
        ->take_all();
    eval->add_flag("--errors", arguments.eval.errors, "List what was answered wrongly");
    add_json(*eval, arguments);

    auto* explain = add(*router, "explain", "Say how a prompt is scored, which words matter, and what it is like",
                        "  sarai router explain \"¿Va a llover mañana en Bilbao?\"\n"
                        "  sarai router explain --json < prompt.txt\n");
    explain->add_option("PROMPT", arguments.explained_words, "The prompt; without it what is piped in");
    add_choice(*explain, arguments.explain.choice);
    explain->add_option("--data", arguments.explain.data, "Where similar prompts are looked for (data/router/train)")
        ->type_name("FILE");
    add_json(*explain, arguments);

    auto* feedback = add(*router, "export", "Print what people said of routes, as training data (JSON Lines)",
                         "  sarai router export > mine.jsonl\n"
                         "  sarai router export --json | jq '.[] | select(.right | not)'\n");
    add_json(*feedback, arguments);
    add_server(*feedback, arguments);
}

}  // namespace

std::unique_ptr<CLI::App> make_commands(Arguments& arguments) {
    auto app = std::make_unique<CLI::App>(
        "Several language models available at once, here and on other machines, "
        "within one memory budget.",
        "sarai");
    app->set_version_flag("--version", "sarai " SARAI_VERSION, "Print the version");
    app->formatter(std::make_shared<Help>());  // before the commands, which take it over
    app->require_subcommand(1);
    app->footer(
        "EXAMPLES:\n"
        "  sarai demo                              see it work, with small models made here\n"
        "  sarai serve --config sarai.yaml\n"
        "  sarai run lfm2 \"Why is the sky blue?\"\n"
        "  sarai ps\n"
        "  sarai top                               what ps shows, as it changes\n\n"
        "\"sarai COMMAND --help\" explains a command.\n"
        "Exit status: 0 success, 1 failure, 2 wrong usage or configuration, 3 no server, 4 does not fit.\n"
        "Colours come to terminals alone, and not where NO_COLOR is set.");

    auto* serve = add(*app, "serve", "Start the server",
                      "  sarai serve --config config/sarai.yaml\n"
                      "  SARAI_SERVER_LISTEN=127.0.0.1:8080 sarai serve\n");
    serve
        ->add_option("--config", arguments.config,
                     "The configuration; without it SARAI_CONFIG, ./sarai.yaml, ./config/sarai.yaml, "
                     "~/.config/sarai/sarai.yaml")
        ->type_name("FILE");

    auto* demo = add(*app, "demo", "Start a server with three small models that are made on the spot",
                     "  sarai demo\n  sarai demo --port 8080 --lan-port 8081\n");
    demo->add_option("--port", arguments.demo.port, "The server's port (11435)")
        ->type_name("N")
        ->check(CLI::Range(1, 65535).description(""));
    demo->add_option("--lan-port", arguments.demo.lan_port, "The port of the process that plays the LAN box (11436)")
        ->type_name("N")
        ->check(CLI::Range(1, 65535).description(""));

    auto* run =
        add(*app, "run", "Ask a model, or talk with it",
            "  sarai run lfm2                          a conversation; /bye leaves\n"
            "  sarai run lfm2 \"Why is the sky blue?\"\n"
            "  sarai run solar \"Summarise this:\" < report.txt\n\n"
            "In a conversation: /model, /image, /audio, /set, /why, /plan, /save, /clear, /help, /bye. Ctrl-C\n"
            "stops the answer, twice at an empty line it leaves. \"\"\" begins and ends a text of several lines.\n");
    run->add_option("MODEL", arguments.run.model, "The model's name; \"sarai ps\" lists them")->required();
    run->add_option("PROMPT", arguments.prompt_words, "The question; what is piped in is joined to it");
    add_server(*run, arguments);

    auto* top = add(*app, "top", "Watch a server's memory, models, endpoints and rates, and load or unload with keys",
                    "  sarai top                               ? tells the keys, q leaves\n"
                    "  sarai top --interval 5s\n"
                    "  sarai top --once > state.txt            one look, as it is also where there is no terminal\n");
    top->add_option("--interval", arguments.top.interval, "How often it looks, 100ms to 1h (1s)")->type_name("TIME");
    top->add_flag("--once", arguments.top.once, "Print one look and leave");
    add_server(*top, arguments);

    auto* ps = add(*app, "ps", "List a server's models, and what they take of its memory",
                   "  sarai ps\n"
                   "  sarai ps --json | jq '.[] | select(.state == \"ready\") | .name'\n");
    add_json(*ps, arguments);
    add_server(*ps, arguments);

    auto* why = add(*app, "why", "Say what was decided about models: loaded, displaced, refused, and for what reasons",
                    "  sarai why                               the last decisions\n"
                    "  sarai why solar --last 3\n"
                    "  sarai why omni --json\n");
    why->add_option("MODEL", arguments.model, "The model's name; without it, all of them");
    why->add_option("--last", arguments.last, "How many decisions, the latest first (10)")
        ->type_name("N")
        ->check(CLI::Range(1, 256).description(""));
    add_json(*why, arguments);
    add_server(*why, arguments);

    auto* route = add(*app, "route", "Say which model would answer a prompt for \"auto\", and why",
                      "  sarai route \"Why does this loop never end?\"\n"
                      "  sarai route --json \"¿Qué tiempo hará mañana en Quito?\" | jq .scores\n");
    route->add_option("PROMPT", arguments.prompt_words, "The prompt")->required();
    add_json(*route, arguments);
    add_server(*route, arguments);

    auto* pipelines = add(*app, "pipelines", "List what answers together: pipelines, their steps and models",
                          "  sarai pipelines\n"
                          "  sarai pipelines vision-expert --json\n"
                          "  sarai pipelines --yaml > my-pipelines.yaml\n");
    pipelines->add_option("NAME", arguments.model, "One of them; without it all");
    pipelines->add_flag("--yaml", arguments.yaml,
                        "Print the configuration of those that come with the program, to be changed; needs no server");
    add_json(*pipelines, arguments);
    add_server(*pipelines, arguments);

    for (const auto* name : {"stop", "unload"}) {
        auto* stop = add(*app, name, "Unload a model's worker; the next request loads it again",
                         fmt::format("  sarai {0} omni\n"
                                     "  sarai {0} omni --drain                  when its answers have ended\n\n"
                                     "\"stop\" and \"unload\" are the same.\n",
                                     name));
        stop->add_option("MODEL", arguments.model, "The model's name; \"sarai ps\" lists them")->required();
        stop->add_flag("--drain", arguments.drain,
                       "Let the answers that have begun end first; \"sarai load\" takes it back");
        add_server(*stop, arguments);
    }

    auto* pull =
        add(*app, "pull", "Let the server fetch a model; what was stopped is gone on with by the next pull",
            "  sarai pull hf.co/ORG/REPO:Q4_K_M\n"
            "  sarai pull lab/lfm2                     from library.sources.lab of the configuration\n\n"
            "Exit status: 0 it is there, 1 it could not be fetched (no such model, no room on the disk, a wrong\n"
            "hash), 3 no server, 4 the server's memory budget is too small for it.\n");
    pull->add_option("NAME", arguments.model, "SOURCE/NAME[:TAG], or hf.co/ORG/REPO[:QUANT]")->required();
    add_server(*pull, arguments);

    auto* load =
        add(*app, "load", "Load a model's worker now, also one whose loads failed too often", "  sarai load omni\n");
    load->add_option("MODEL", arguments.model, "The model's name; \"sarai ps\" lists them")->required();
    add_server(*load, arguments);

    auto* reload = add(*app, "reload",
                       "Let the server load its configuration's file again: nothing that did not change is touched",
                       "  sarai reload\n"
                       "  kill -HUP PID                           the same\n");
    add_server(*reload, arguments);

    auto* plan = add(*app, "plan", "Say what models will take, before they are loaded",
                     "  sarai plan --config config/sarai.yaml\n"
                     "  sarai plan models/lfm2.gguf models/omni.gguf --ctx 4096\n"
                     "  sarai plan --scenario degraded --strict         what if a server dies?\n"
                     "  sarai plan --what-if ctx=8192,kv=q8_0,ram=8GiB\n"
                     "  sarai plan --what-if solar.ctx=4096,solar.prompt_cache=256MiB\n");
    plan->add_option("FILES", arguments.plan_files, "GGUF files; without them the configuration's models")
        ->type_name("FILE");
    plan->add_option("--ctx", arguments.context_length, "Context length in tokens, for all of them")
        ->type_name("N")
        ->check(CLI::Range(1, 1 << 24).description(""));
    plan->add_option("--config", arguments.config, "The configuration; without it the same places as for serve")
        ->type_name("FILE");
    plan->add_option("--scenario", arguments.scenario,
                     "native (all models here), hybrid (as configured), degraded (servers lost) or all of them")
        ->type_name("NAME")
        ->check(CLI::IsMember({"native", "hybrid", "degraded", "all"}).description(""));
    plan->add_option("--what-if", arguments.what_if,
                     "Values to change: ctx, kv, parallel, prompt_cache, load_mode, batch of all models or of one "
                     "(MODEL.KEY), ram, budget")
        ->type_name("KEY=VALUE,...")
        ->expected(1)
        ->allow_extra_args(false)  // what follows is a file
        ->take_all();
    plan->add_flag("--strict", arguments.strict, "Fail also where a degraded scenario does not fit");
    add_json(*plan, arguments);

    auto* fit = add(*app, "fit", "Choose context lengths, caches and quantisations that fit into a budget",
                    "  sarai fit --budget 12GiB --config config/sarai.yaml --native\n"
                    "  sarai fit --budget 4GiB models/lfm2.gguf models/embed.gguf --output sarai.yaml\n");
    fit->add_option("FILES", arguments.plan_files, "GGUF files; without them the configuration's models")
        ->type_name("FILE");
    fit->add_option("--budget", arguments.budget,
                    "For sarai and its workers; without it the configuration's, or what "
                    "the machine has")
        ->type_name("SIZE");
    fit->add_option("--config", arguments.config, "The configuration; without it the same places as for serve")
        ->type_name("FILE");
    fit->add_flag("--native", arguments.native, "All models here, also those that have servers");
    fit->add_option("--output", arguments.output, "Write the configuration to this file, which must not exist")
        ->type_name("FILE");
    fit->add_flag("--force", arguments.force, "Write it also where that file exists");
    add_json(*fit, arguments);

    auto* imports =
        add(*app, "import", "Make a configuration of what Ollama, llama-swap or a folder of GGUF files have",
            "  sarai import ~/.ollama/models -o sarai.yaml\n"
            "  sarai import llama-swap.yaml -o sarai.yaml\n"
            "  sarai import ~/models                   files stay where they are\n");
    imports->add_option("PATH", arguments.source, "A folder, or llama-swap's YAML file")->required()->type_name("PATH");
    imports->add_option("-o,--output", arguments.output, "Write the configuration to this file, which must not exist")
        ->type_name("FILE");
    imports->add_flag("--force", arguments.force, "Write it also where that file exists");
    imports->add_option("--from", arguments.imported.from, "What it is; without it whatever is recognised")
        ->type_name("ollama|llama-swap|gguf")
        ->check(CLI::IsMember({"ollama", "llama-swap", "gguf"}).description(""));
    add_json(*imports, arguments);

    auto* prove = add(*app, "prove", "Load all models, ask them at the same time, and check that the budget held",
                      "  sarai prove                       of the running server\n"
                      "  sarai prove --config my.yaml      starts a server for it where none runs\n"
                      "  sarai prove --json\n");
    prove->add_option("--tokens", arguments.tokens, "Tokens asked of each generative model (96)")
        ->type_name("N")
        ->check(CLI::Range(8, 100000).description(""));
    add_json(*prove, arguments);
    add_server(*prove, arguments);

    auto* doctor =
        add(*app, "doctor", "Look at this machine and a configuration, and say what is wrong and what to change",
            "  sarai doctor\n"
            "  sarai doctor --config config/sarai.yaml\n"
            "  sarai doctor --json | jq '.checks[] | select(.state != \"ok\")'\n\n"
            "Exit status: 0 all is well, or there are warnings; 1 something fails.");
    doctor->add_option("--config", arguments.config, "The configuration; without it the same places as for serve")
        ->type_name("FILE");
    add_json(*doctor, arguments);

    add_knowledge_commands(*app, arguments);
    add_web_commands(*app, arguments);
    add_router(*app, arguments);

    auto* config = add(*app, "config", "Work with configurations", "  sarai config check config/sarai.yaml\n");
    config->require_subcommand(1);
    auto* check = add(*config, "check", "Say what is wrong with a configuration, all of it at once",
                      "  sarai config check\n  sarai config check config/sarai.yaml\n");
    check->add_option("FILE", arguments.checked_file, "The configuration; without it the same places as for serve")
        ->type_name("FILE");

    auto* key =
        add(*app, "key", "Make an API key: prints it, and the lines that let the server know it", "  sarai key ann\n");
    key->add_option("NAME", arguments.owner, "Whose key it is, for logs and limits")->required();

    auto* version = add(*app, "version", "Print the version", "  sarai version\n  sarai version --licenses\n");
    version->add_flag("--licenses", arguments.licenses, "Print what it is made of, and under which licences");

    // For scripts/man: hidden, since people have the pages that are made of it.
    auto* manual =
        add(*app, "manual", "Print a part of the manual pages for scdoc", "  sarai manual keys\n")->group("");
    manual->add_option("PART", arguments.manual_part, "list, commands, keys, or a page of \"list\"")->required();

    auto* completion = add(*app, "completion", "Print a script that completes commands in a shell",
                           "  source <(sarai completion bash)\n"
                           "  sarai completion zsh > ~/.zfunc/_sarai\n"
                           "  sarai completion fish > ~/.config/fish/completions/sarai.fish\n");
    completion->add_option("SHELL", arguments.shell, "The shell")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}).description(""))
        ->type_name("bash|zsh|fish");
    return app;
}

}  // namespace sarai::cli
