#include "pool/proof.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "pool/refusal.hpp"

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
std::string holders(const Proof& proof) {
    auto all = proof.staying;
    if (proof.brought > Bytes{}) all.push_back({.model = "the request itself", .bytes = proof.brought});
    return in_words(all);
}

// What a change takes away.
struct Relief {
    Bytes bytes;
    int places = 0;
};

class Adviser {
public:
    explicit Adviser(const Proof& proof)
        : proof_(proof),
          missing_(proof.needed() + proof.held() - proof.budget),
          places_missing_(proof.places_needed - proof.places) {}

    [[nodiscard]] std::vector<std::string> changes() const {
        std::vector<std::string> out;
        smaller_parts(out);
        unload(out);
        if (helps(sum_of(&Proof::Part::goes_with_lru)))
            out.emplace_back("set memory.policy to lru (idle models make room by themselves)");
        raise(out);
        return out;
    }

private:
    const Proof& proof_;
    Bytes missing_;  // not positive: there is memory enough
    int places_missing_;

    [[nodiscard]] bool helps(const Relief& relief) const {
        return relief.bytes >= missing_ && relief.places >= places_missing_;
    }
    [[nodiscard]] Relief sum_of(bool Proof::Part::* which) const {
        Relief sum;
        for (const auto& part : proof_.staying)
            if (part.*which) sum = {.bytes = sum.bytes + part.bytes, .places = sum.places + (part.generative ? 1 : 0)};
        return sum;
    }

    void smaller_parts(std::vector<std::string>& out) const {
        if (places_missing_ > 0) return;
        for (const auto& part : proof_.parts) {
            if (!part.needs) continue;
            if (const auto less = part.bytes - with_kv_cache_type(*part.needs, "q8_0"); helps({.bytes = less}))
                out.push_back(
                    fmt::format("set models.{}.kv_cache_type to q8_0 ({} less)", part.model, to_string(less)));
            const auto tokens = longest_context(*part.needs, part.bytes - missing_, part.min_context_length);
            if (tokens == 0) continue;
            const auto less = part.bytes - with_context(*part.needs, tokens);
            if (helps({.bytes = less}))
                out.push_back(
                    fmt::format("set models.{}.context_length to {} ({} less)", part.model, tokens, to_string(less)));
        }
    }

    // The smallest one that suffices, or as few as suffice together.
    void unload(std::vector<std::string>& out) const {
        std::vector<const Proof::Part*> idle;
        for (const auto& part : proof_.staying)
            if (part.can_be_stopped) idle.push_back(&part);
        std::ranges::sort(idle, {}, [](const auto* part) { return part->bytes; });
        const auto relief = [](const Proof::Part& part) {
            return Relief{.bytes = part.bytes, .places = part.generative ? 1 : 0};
        };
        for (const auto* part : idle)
            if (helps(relief(*part))) {
                out.push_back(fmt::format("unload {0} with \"sarai stop {0}\"", part->model));
                return;
            }
        auto sum = sum_of(&Proof::Part::can_be_stopped);
        if (!helps(sum)) return;
        std::vector<std::string_view> names;
        for (const auto* part : idle) {
            const auto one = relief(*part);
            const Relief without{.bytes = sum.bytes - one.bytes, .places = sum.places - one.places};
            if (helps(without))
                sum = without;
            else
                names.push_back(part->model);
        }
        out.push_back(fmt::format("unload {} with \"sarai stop\"", fmt::join(names, " and ")));
    }

    void raise(std::vector<std::string>& out) const {
        std::vector<std::string> settings;
        if (missing_ > Bytes{}) {
            const auto budget = proof_.budget + missing_;
            if (proof_.machine > Bytes{} && budget > proof_.machine) return;
            settings.push_back(max_ram_of(budget));
        }
        if (places_missing_ > 0)
            settings.push_back(fmt::format("memory.max_concurrent_llms to {}", proof_.places_needed));
        out.push_back(fmt::format("set {}", fmt::join(settings, " and ")));
    }
};

}  // namespace

Bytes Proof::needed() const { return sum(parts); }
Bytes Proof::held() const { return sum(staying) + brought; }
Bytes Proof::peak() const { return std::min(budget, needed() + held() + displaceable + converting); }

Error explain(const Proof& proof, const std::string& who) {
    auto hint = advice(Adviser(proof).changes());
    if (proof.needed() + proof.held() <= proof.budget)
        return {.code = Code::busy,
                .message = fmt::format("{} needs its models at the same time, which makes {} generative models with "
                                       "those that stay; {} may be loaded at once",
                                       who, proof.places_needed, proof.places),
                .hint = std::move(hint)};
    return {.code = Code::no_memory,
            .message = fmt::format("{} does not fit: its models need {} at the same time ({}), and {} of the budget of "
                                   "{} are held by: {}",
                                   who, to_string(proof.needed()), in_words(proof.parts), to_string(proof.held()),
                                   to_string(proof.budget), holders(proof)),
            .hint = std::move(hint)};
}

}  // namespace sarai::pool
