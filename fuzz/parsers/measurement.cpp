// What the measuring child printed, a plan or a description, which a hostile file may have a say in. The first line is
// its exit status, the second what it printed last to standard error, then comes its standard output.
#include <charconv>

#include "memory/model_facts.hpp"
#include "memory/plan.hpp"
#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {

void measurement(Input input) {
    const auto first = input.line();
    int status = 0;
    std::from_chars(first.data(), first.data() + first.size(), status);
    const auto last_words = input.line();
    const auto plan = memory::parse_measurement({.model = "/m.gguf"}, status, input.rest(), last_words);
    (void)memory::engine_libraries(input.rest());
    if (const auto facts = memory::parse_description("/m.gguf", status, input.rest(), last_words)) {
        require(facts->parameter_count >= 0 && facts->context_length >= 0, "what is counted is no deficit");
        (void)memory::kind_of(*facts);
        (void)memory::takes_tools(*facts);
        (void)memory::thinks(*facts);
    }
    if (!plan) {
        require(!plan.error().message.empty(), "a failed measurement says why");
        return;
    }
    require(!plan->lines.empty(), "a plan has lines");
    require(plan->total() >= Bytes{} && plan->pessimistic() >= plan->total(), "a plan is no deficit");
}

}  // namespace sarai::fuzz
