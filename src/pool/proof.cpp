#include "pool/proof.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

namespace sarai::pool {
namespace {

Bytes sum(const std::vector<Proof::Part>& parts) {
    Bytes total;
    for (const auto& part : parts) total += part.bytes;
    return total;
}

std::string in_words(const std::vector<Proof::Part>& parts) {
    std::vector<std::string> words;
    for (const auto& part : parts) words.push_back(fmt::format("{} {}", part.model, to_string(part.bytes)));
    return words.empty() ? "nobody" : fmt::format("{}", fmt::join(words, ", "));
}

}  // namespace

Bytes Proof::needed() const { return sum(parts); }
Bytes Proof::held() const { return sum(staying); }
Bytes Proof::peak() const { return std::min(budget, needed() + held() + displaceable); }

Error explain(const Proof& proof, const std::string& who) {
    const auto total = proof.needed() + proof.held();
    if (total <= proof.budget)
        return {
            .code = Code::busy,
            .message = fmt::format("{} needs its models at the same time, which makes {} generative models with "
                                   "those that stay; {} may be loaded at once",
                                   who, proof.places_needed, proof.places),
            .hint =
                "Raise memory.max_concurrent_llms, unload a model with \"sarai stop\", or set memory.policy to lru."};
    return {.code = Code::no_memory,
            .message = fmt::format("{} does not fit: its models need {} at the same time ({}), and {} of the budget of "
                                   "{} are held by: {}",
                                   who, to_string(proof.needed()), in_words(proof.parts), to_string(proof.held()),
                                   to_string(proof.budget), in_words(proof.staying)),
            .hint = fmt::format("This would make it fit: unload {} of others, or set memory.max_ram to {}MiB.",
                                to_string(total - proof.budget), (total.count + (1 << 20) - 1) >> 20)};
}

}  // namespace sarai::pool
