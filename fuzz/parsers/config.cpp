// A configuration file, with a fixed environment. Either there are problems, each of which says where and what, or
// there is a configuration, which is the same when it is read again and needs no change when it is reloaded.
#include "config/load.hpp"
#include "config/reload.hpp"
#include "config/what_if.hpp"
#include "net/http_client.hpp"
#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

const config::Environment fixed{{{"HOME", "/home/user"},
                                 {"KEY", "s3cret"},
                                 {"OLLAMA_BASE_URL", "http://127.0.0.1:11434"},
                                 {"EMPTY", ""},
                                 {"HOSTILE", "${KEY}: [\n\"\x01\xff"}}};

void check_problems(const std::vector<config::Problem>& problems) {
    require(!problems.empty(), "what is refused has a problem");
    for (const auto& problem : problems) {
        require(!problem.value.empty() || !problem.expected.empty(), "a problem says something");
        require(problem.line >= 0 && problem.column >= 0, "a problem stands somewhere");
        require_utf8(config::to_string(problem), "a problem");
    }
    require_utf8(config::report("sarai.yaml", problems), "a report");
}

void check_config(const config::Config& config) {
    for (const auto& model : config.models) {
        require(config.find(model.name) == &model, "a model is found by its name");
        require(model.local || model.remote, "a model has somebody who runs it");
        if (!model.remote) continue;
        require(!model.remote->endpoints.empty(), "a remote model has an endpoint");
        for (const auto& endpoint : model.remote->endpoints)
            require(net::Origin::parse(endpoint.url).has_value(), "the client understands an endpoint's URL");
    }
    auto live = config;
    const auto reloaded = config::reload(live, config);
    require(reloaded.changed.empty() && reloaded.added.empty() && reloaded.removed.empty() &&
                reloaded.settings.empty() && reloaded.needs_restart.empty(),
            "reloading an unchanged configuration changes nothing");
}

}  // namespace

void config(Input input) {
    const auto text = input.rest();
    const auto loaded = config::load_text(text, "/etc/sarai", fixed);
    if (!loaded) {
        check_problems(loaded.error());
        return;
    }
    check_config(*loaded);
    const auto again = config::load_text(text, "/etc/sarai", fixed);
    require(again && again->models == loaded->models && again->server == loaded->server,
            "a configuration that is read again is the same");
}

}  // namespace sarai::fuzz
