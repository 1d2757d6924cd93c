// The tree of commands and what their arguments fill in. One place for parsing, help and shell completion.
#pragma once

#include <CLI/App.hpp>
#include <memory>
#include <string>
#include <vector>

#include "cli/cli.hpp"
#include "cli/knowledge.hpp"
#include "cli/router.hpp"
#include "cli/run.hpp"
#include "cli/server.hpp"
#include "cli/top.hpp"
#include "cli/web.hpp"

namespace sarai::cli {

struct Arguments {
    std::string config;  // --config of serve, plan, fit and doctor
    ServerChoice server;
    RunOptions run;
    TopOptions top;
    std::vector<std::string> prompt_words;
    std::vector<std::string> plan_files;
    int context_length = 0;  // 0: not given
    std::string scenario = "all";
    std::vector<std::string> what_if;
    bool strict = false;
    std::string budget;  // empty: not given
    bool native = false;
    std::string output;  // empty: standard output
    bool force = false;  // writes over it
    ImportOptions imported;
    std::string source;  // of import
    int tokens = 96;
    DemoOptions demo;
    std::string model;   // of stop, load, pull and why
    bool drain = false;  // stop, but not before its answers have ended
    int last = 10;
    bool json = false;
    bool yaml = false;
    std::string checked_file;
    std::string owner;  // of a new key
    std::string shell;
    std::string manual_part;
    bool licenses = false;
    KnowledgeOptions knowledge;
    AuditOptions audit;
    TrainOptions train;
    EvalOptions eval;
    ExplainOptions explain;
    std::vector<std::string> explained_words;
};

// `arguments` must outlive the tree.
[[nodiscard]] std::unique_ptr<CLI::App> make_commands(Arguments& arguments);

}  // namespace sarai::cli
