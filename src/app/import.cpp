#include "app/import.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "app/describe.hpp"
#include "app/output_file.hpp"
#include "app/plan.hpp"
#include "cli/import_view.hpp"
#include "cli/plan_view.hpp"
#include "config/file.hpp"
#include "config/load.hpp"
#include "config/yaml_tree.hpp"
#include "imports/gguf_folder.hpp"
#include "imports/llama_swap.hpp"
#include "imports/ollama.hpp"
#include "imports/source.hpp"
#include "memory/process_memory.hpp"

namespace sarai::app {
namespace {

namespace fs = std::filesystem;

constexpr int something_lost = 3;  // exit status

Result<memory::ModelFacts> facts_of(const fs::path& file) { return std::move(describe_files({file}).front()); }

Result<imports::Imported> translate(const imports::Source& source) {
    switch (source.kind) {
        case imports::SourceKind::ollama: return imports::import_ollama(source.place, facts_of);
        case imports::SourceKind::gguf: return imports::import_gguf_folder(source.place, facts_of);
        case imports::SourceKind::llama_swap: break;
    }
    const auto text = config::read_text(source.place);
    if (!text) return fail(Code::io, config::to_string(text.error()));
    const auto tree = config::parse_yaml(*text);
    if (!tree) return fail(Code::invalid_argument, config::to_string(tree.error()));
    return imports::import_llama_swap(*tree, source.place.parent_path(), config::Environment::of_process(), facts_of);
}

}  // namespace

int run_import(const cli::ImportOptions& options) {
    const auto source = imports::recognise(options.path, imports::source_named(options.from));
    if (!source) return cli::fail_with(source.error());
    const auto imported = translate(*source);
    if (!imported) return cli::fail_with(imported.error());

    auto& out = cli::Io::of_process().out;
    const auto screen = screen_of_process(true);
    const auto losses = cli::losses_text(*imported, screen.style);
    const auto name = fmt::format("{} ({})", source->place.string(), imports::name_of(source->kind));
    if (imported->config.models.empty()) {
        if (options.json) out << cli::import_json(*imported, name, "", "");
        fmt::print(stderr, "{}sarai: no model of {} could be taken over\n", losses, name);
        return something_lost;
    }
    const auto yaml = cli::import_yaml(*imported, name);
    // What is handed over has to be right, whatever was found.
    const auto config = config::load_text(yaml, source->place.parent_path(), config::Environment{});
    if (!config)
        return cli::fail_with(
            {.code = Code::internal,
             .message = "the configuration is not valid:\n" + config::report("import", config.error())});
    if (options.output)
        if (const auto written = write_output(*options.output, yaml, options.force); !written)
            return cli::fail_with(written.error());

    const auto plan = plan_config(*config, memory::read_machine_memory().total);
    if (options.json)
        out << cli::import_json(*imported, name, yaml, cli::plan_json(plan, std::nullopt));
    else if (!options.output)
        out << yaml;
    out.flush();
    if (!options.json) fmt::print(stderr, "{}{}", cli::plan_text(plan, std::nullopt, screen), losses);
    return imported->losses.empty() ? 0 : something_lost;
}

}  // namespace sarai::app
