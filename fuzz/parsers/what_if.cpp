// The argument of `sarai plan --what-if`, applied to a configuration with a local and a remote model.
#include "config/what_if.hpp"

#include "config/load.hpp"
#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

config::Config base() {
    return config::load_text(
               "models:\n"
               "  solar: {backend: gguf_native, path: solar.gguf}\n"
               "  qwen2.5: {backend: gguf_native, path: qwen.gguf}\n"
               "  far: {backend: ollama_http, endpoints: [{url: 'http://10.0.0.1:11434'}]}\n",
               "/etc/sarai", {})
        .value();
}

}  // namespace

void what_if(Input input) {
    static const auto configured = base();
    const auto changed = config::apply_what_if(configured, input.rest());
    if (!changed) {
        require(changed.error().path.starts_with("--what-if"), "a problem says where it stands");
        require_utf8(config::to_string(changed.error()), "a problem");
        return;
    }
    require(!changed->changes.empty(), "what was changed is told");
    for (const auto& change : changed->changes) require_utf8(change, "a change");
    require(changed->config.models.size() == configured.models.size(), "no model comes or goes");
}

}  // namespace sarai::fuzz
