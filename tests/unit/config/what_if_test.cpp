#include "config/what_if.hpp"

#include <gmock/gmock.h>

#include "support.hpp"

namespace sarai::config::what_if_test {
namespace {

using testing::ElementsAre;

Config three_models() {
    return valid(
        "memory: {max_ram: 12GiB}\n"
        "models:\n"
        "  solar: {backend: ollama_http, fallback: gguf_native, path: s.gguf, context_length: 2048}\n"
        "  lfm2.gguf: {backend: gguf_native, path: l.gguf}\n"
        "  cloud: {backend: openai_http, endpoints: [{url: 'http://box'}]}\n");
}

std::string problem_with(std::string_view text) {
    const auto changed = apply_what_if(three_models(), text);
    return changed ? "none" : to_string(changed.error());
}

TEST(WhatIf, ChangesEveryModelThatHasAFileHere) {
    const auto changed =
        apply_what_if(three_models(), "ctx=8192,kv=q8_0, parallel=4,prompt_cache=64MiB,load_mode=mmap,batch=128");
    ASSERT_TRUE(changed) << to_string(changed.error());
    for (const auto* name : {"solar", "lfm2.gguf"}) {
        const auto& local = *changed->config.find(name)->local;
        EXPECT_EQ(local.context_length, 8192);
        EXPECT_EQ(local.kv_cache_type, "q8_0");
        EXPECT_EQ(local.parallel, 4);
        EXPECT_EQ(local.prompt_cache, MiB(64));
        EXPECT_EQ(local.load_mode, "mmap");
        EXPECT_EQ(local.batch, 128);
    }
    EXPECT_EQ(changed->changes.front(), "context_length of all models: 8192");
    EXPECT_EQ(changed->changes.size(), 6U);
    EXPECT_EQ(changed->ram, std::nullopt);
}

TEST(WhatIf, WhatIsSaidOfOneModelCountsMoreThanWhatIsSaidOfAllInAnyOrder) {
    for (const auto* text :
         {"ctx=512,lfm2.gguf.ctx=4096", "lfm2.gguf.ctx=4096,ctx=512", "context_length=512,lfm2.gguf.ctx=4096"}) {
        const auto changed = apply_what_if(three_models(), text);
        ASSERT_TRUE(changed) << text;
        EXPECT_EQ(changed->config.find("solar")->local->context_length, 512) << text;
        EXPECT_EQ(changed->config.find("lfm2.gguf")->local->context_length, 4096) << text;
        EXPECT_THAT(changed->changes, ElementsAre("context_length of all models: 512",
                                                  "context_length of lfm2.gguf: 4096 instead of 512"));
    }
}

TEST(WhatIf, ChangesTheMachineAndTheBudget) {
    const auto changed = apply_what_if(three_models(), "ram=8GiB,budget=6GiB");
    ASSERT_TRUE(changed);
    EXPECT_EQ(changed->ram, GiB(8));
    EXPECT_EQ(changed->config.memory.max_ram, GiB(6));
    EXPECT_THAT(changed->changes, ElementsAre("RAM of the machine: 8.00 GiB", "max_ram: 6.00 GiB"));
}

TEST(WhatIf, NamesFieldValueAndWhatIsExpectedWithTheNearestKnownKey) {
    EXPECT_EQ(problem_with("kv=q8_O"),
              "--what-if kv: \"q8_O\"; expected f16 or bf16 or q8_0 or q4_0; did you mean q8_0?");
    EXPECT_EQ(problem_with("ctx=many"), "--what-if ctx: \"many\"; expected a whole number from 1 to 16777216");
    EXPECT_EQ(problem_with("ctx=0"), "--what-if ctx: \"0\"; expected a whole number from 1 to 16777216");
    EXPECT_EQ(problem_with("ram=lots"),
              "--what-if ram: \"lots\"; expected a size such as 512MB or 12GiB, at least 16 MiB");
    EXPECT_EQ(problem_with("promt_cache=1GiB"),
              "--what-if promt_cache: unknown key; expected one of ctx, kv, parallel, prompt_cache, load_mode, batch, "
              "ram, budget; did you mean prompt_cache?");
    EXPECT_EQ(problem_with("solar.ram=1GiB"),
              "--what-if solar.ram: unknown key; expected one of ctx, kv, parallel, prompt_cache, load_mode, batch");
    EXPECT_EQ(problem_with("solr.ctx=512"),
              "--what-if solr.ctx: no model \"solr\"; expected one of solar, lfm2.gguf; did you mean solar?");
    EXPECT_EQ(problem_with("cloud.ctx=512"),
              "--what-if cloud.ctx: nothing runs here of \"cloud\"; expected one of solar, lfm2.gguf");
    EXPECT_EQ(problem_with("ctx=512,ctx=1024"), "--what-if ctx: given again; expected it once");
    for (const auto* text : {"", "ctx", "=512", "ctx=512,"})
        EXPECT_THAT(problem_with(text), testing::EndsWith("; expected KEY=VALUE, such as ctx=8192 or solar.ctx=4096"))
            << text;
}

}  // namespace
}  // namespace sarai::config::what_if_test
