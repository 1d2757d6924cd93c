// What a pipeline that does not fit is told, and that each change that it names makes it fit.
#include "pool/proof.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <regex>

#include "pool/pool_core.hpp"

namespace sarai::pool::proof_test {
namespace {

enum class Standing { absent, idle, busy };

struct One {
    Needs needs;
    Standing standing = Standing::absent;
    bool pinned = false;
    bool generative = true;
};

struct World {
    std::map<std::string, One> models;
    std::vector<std::string> asked;  // by the pipeline
    Bytes budget = GiB(10);
    Bytes machine = GiB(12);
    int places = 3;
    Policy policy = Policy::never_unload;
    Bytes brought = {};

    [[nodiscard]] Proof prove() const {
        std::vector<ModelSpec> specs;
        for (const auto& [name, one] : models)
            specs.push_back({.name = name, .generative = one.generative, .has_local = true, .pinned = one.pinned});
        // All that is there is there, whether it could have come by itself or not.
        PoolCore core({.budget = GiB(1000), .own = GiB(1), .max_concurrent_llms = 100, .policy = policy}, specs, {});
        const Clock::time_point now = Clock::time_point{} + std::chrono::hours(1);
        ModelIndex index = 0;
        Ticket ticket = 1;
        std::vector<PoolCore::Participant> set;
        for (const auto& [name, one] : models) {
            if (std::ranges::contains(asked, name)) set.push_back({.model = index});
            if (one.standing == Standing::absent) {
                core.note_needs(index, one.needs);
            } else {
                (void)core.preload(index);
                (void)core.measured(index, one.needs);
                (void)core.worker_ready(index);
                if (one.standing == Standing::busy) (void)core.acquire(now, ticket++, index);
            }
            ++index;
        }
        auto proof = core.prove(now, set, brought);
        proof.budget = budget;
        proof.machine = machine;
        proof.places = places;
        return proof;
    }
    [[nodiscard]] Error refusal() const { return explain(prove(), "pipeline 'p'"); }
};

Needs of(Bytes total, Bytes kv_cache = MiB(512)) {
    return {.total = total, .planned = total, .kv_cache = kv_cache, .context_length = 4096};
}

World example() {
    return {
        .models = {{"chat", {.needs = of(GiB(4))}},
                   {"eyes", {.needs = of(GiB(3), GiB(1))}},
                   {"large", {.needs = of(GiB(5)), .standing = Standing::idle}},
                   {"little", {.needs = of(GiB(1)), .standing = Standing::idle}},
                   {"pet", {.needs = of(MiB(400)), .standing = Standing::idle, .pinned = true, .generative = false}}},
        .asked = {"chat", "eyes"},
        .machine = GiB(16),
        .places = 4};
}

std::vector<std::string> changes_in(const std::string& hint) {
    const auto from = hint.find("make it fit: ");
    if (from == std::string::npos) return {};
    std::vector<std::string> out;
    std::string rest = hint.substr(from + 13);
    rest.pop_back();  // the full stop
    for (std::size_t end = 0; (end = rest.find("; ")) != std::string::npos; rest.erase(0, end + 2))
        out.push_back(rest.substr(0, end));
    out.push_back(rest);
    return out;
}

// As a person would carry it out; false: not understood.
bool apply(World& world, const std::string& change) {
    std::smatch match;
    if (std::regex_search(change, match, std::regex(R"(set models\.(\w+)\.kv_cache_type to q8_0)"))) {
        auto& needs = world.models.at(match[1]).needs;
        needs.total = with_kv_cache_type(needs, "q8_0");
        return true;
    }
    if (std::regex_search(change, match, std::regex(R"(set models\.(\w+)\.context_length to (\d+))"))) {
        auto& needs = world.models.at(match[1]).needs;
        needs.total = with_context(needs, std::stoi(match[2]));
        return true;
    }
    if (std::regex_search(change, match, std::regex(R"(unload (.+) with "sarai stop)"))) {
        std::string names = match[1];
        static const std::regex word(R"(\b(?!and\b)\w+)");
        for (std::sregex_iterator it(names.begin(), names.end(), word), end; it != end; ++it)
            world.models.at(it->str()).standing = Standing::absent;
        return true;
    }
    if (change.starts_with("set memory.policy to lru")) {
        world.policy = Policy::lru;
        return true;
    }
    bool found = false;
    if (std::regex_search(change, match, std::regex(R"(memory\.max_ram to (\d+)MiB)"))) {
        world.budget = MiB(std::stoi(match[1]));
        if (world.budget > world.machine) return false;
        found = true;
    }
    if (std::regex_search(change, match, std::regex(R"(memory\.max_concurrent_llms to (\d+))"))) {
        world.places = std::stoi(match[1]);
        found = true;
    }
    return found;
}

}  // namespace

TEST(ProofAdvice, NamesWhatHelpsAndNobodyElse) {
    const auto error = example().refusal();
    EXPECT_EQ(error.code, Code::no_memory);
    EXPECT_EQ(
        error.message,
        "pipeline 'p' does not fit: its models need 7.00 GiB at the same time (chat 4.00 GiB, eyes 3.00 GiB), and "
        "7.39 GiB of the budget of 10.00 GiB are held by: sarai itself 1.00 GiB, large 5.00 GiB, little 1.00 GiB, "
        "pet 400 MiB");
    EXPECT_EQ(error.hint,
              "Each of these would make it fit: unload large with \"sarai stop large\"; set memory.policy to lru (idle "
              "models make room by themselves); set memory.max_ram to 14736MiB.");
}

TEST(ProofAdvice, WhatTheRequestBringsIsCountedAndTold) {
    World world{.models = {{"chat", {.needs = of(GiB(4))}}}, .asked = {"chat"}, .budget = GiB(5)};
    EXPECT_TRUE(world.prove().fits());
    world.brought = MiB(200);
    auto proof = world.prove();
    EXPECT_FALSE(proof.fits());
    EXPECT_TRUE(world.refusal().message.ends_with("are held by: sarai itself 1.00 GiB, the request itself 200 MiB"))
        << world.refusal().message;
    world.budget = GiB(8);
    proof = world.prove();
    EXPECT_EQ(proof.peak(), GiB(5) + MiB(200));
    proof.converting = MiB(100);
    EXPECT_TRUE(proof.fits());
    EXPECT_EQ(proof.peak(), GiB(5) + MiB(300));
}

TEST(ProofAdvice, SeveralTogetherWhereNobodyAloneIsLargeEnough) {
    auto world = example();
    world.models["large"].needs = of(GiB(2));
    world.models["little"].needs = of(GiB(2));
    world.models["tiny"] = {.needs = of(MiB(100)), .standing = Standing::idle};
    world.places = 9;
    EXPECT_TRUE(world.refusal().hint.contains("unload large and little with \"sarai stop\"")) << world.refusal().hint;
}

TEST(ProofAdvice, NothingIsNamedThatHelpsNobody) {
    auto world = example();
    world.machine = GiB(12);
    world.models["large"].pinned = true;
    world.models["little"].standing = Standing::busy;
    EXPECT_EQ(world.refusal().hint,
              "No single change makes room for it on this machine; take a smaller quantisation or a remote server "
              "(\"sarai fit\" looks for a set that fits).");
}

TEST(ProofAdvice, MemoryAndPlacesMissingAreToldTogether) {
    auto world = example();
    world.places = 1;
    const auto hint = world.refusal().hint;
    EXPECT_TRUE(hint.contains("set memory.max_ram to 14736MiB and memory.max_concurrent_llms to 4")) << hint;
    EXPECT_FALSE(hint.contains("sarai stop")) << "the pipeline alone needs two places: " << hint;
}

TEST(ProofAdvice, EachChangeMakesItFit) {
    std::mt19937 random(20);  // NOLINT(cert-msc51-cpp): the same each time
    const auto up_to = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
    std::map<std::string, int> seen;
    for (int trial = 0; trial < 4000; ++trial) {
        World world{.models = {}, .asked = {"a", "b"}};
        world.budget = MiB(4000 + up_to(8000));
        world.machine = up_to(4) == 0 ? Bytes{} : MiB(world.budget.count / (1 << 20) + up_to(6000));
        world.places = 1 + up_to(5);
        if (up_to(3) == 0) world.policy = Policy::lru;
        if (up_to(3) == 0) world.brought = MiB(up_to(1000));
        for (const auto* name : {"a", "b", "c", "d", "e"}) {
            const auto total = 500 + up_to(4000);
            world.models[name] = {.needs = of(MiB(total), MiB(total / 2)),
                                  .standing = static_cast<Standing>(up_to(3)),
                                  .pinned = up_to(3) == 0,
                                  .generative = up_to(3) != 0};
        }
        if (world.prove().fits()) continue;
        for (const auto& change : changes_in(world.refusal().hint)) {
            auto changed = world;
            if (changed.machine == Bytes{}) changed.machine = GiB(1000);
            ASSERT_TRUE(apply(changed, change)) << change;
            ASSERT_TRUE(changed.prove().fits()) << change << "\n" << world.refusal().message;
            ++seen[change.substr(0, change.find(' '))];
        }
    }
    EXPECT_GT(seen["set"], 100);
    EXPECT_GT(seen["unload"], 100);
}

}  // namespace sarai::pool::proof_test
