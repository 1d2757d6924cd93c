// The argument of `sarai plan --what-if`, applied to a configuration with a local and a remote model.
//
// options: -dict=fuzz/dictionaries/values.dict -max_len=256
#include "config/what_if.hpp"

#include "config/load.hpp"
#include "support/check.hpp"
#include "support/input.hpp"

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
}  // namespace sarai::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sarai;
    static const auto configured = fuzz::base();
    const auto changed = config::apply_what_if(configured, fuzz::Input(data, size).rest());
    if (!changed) {
        fuzz::require(changed.error().path.starts_with("--what-if"), "a problem says where it stands");
        fuzz::require_utf8(config::to_string(changed.error()), "a problem");
        return 0;
    }
    fuzz::require(!changed->changes.empty(), "what was changed is told");
    for (const auto& change : changed->changes) fuzz::require_utf8(change, "a change");
    fuzz::require(changed->config.models.size() == configured.models.size(), "no model comes or goes");
    return 0;
}
