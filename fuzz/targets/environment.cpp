// A `.env` file, and its variables put in the place of "${NAME}". The first line is the text with the names, then comes
// the file. What replaces never exceeds its budget.
//
// options: -dict=fuzz/dictionaries/config.dict -max_len=2048
#include "config/environment.hpp"
#include "support/check.hpp"
#include "support/input.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace sarai;
    constexpr std::size_t most_inserted = 4096;
    fuzz::Input input(data, size);
    const auto text = input.line();
    std::vector<config::Problem> problems;
    const auto environment = config::parse_dotenv(input.rest(), problems);
    for (const auto& [name, value] : environment.variables) {
        fuzz::require(!name.empty(), "a variable has a name");
        fuzz::require(environment.find(name) != nullptr, "a variable is found");
    }
    std::size_t budget = most_inserted;
    const auto replaced = config::replace_variables(text, environment, budget);
    fuzz::require(budget <= most_inserted, "a budget only shrinks");
    if (replaced)
        fuzz::require(replaced->text.size() <= text.size() + most_inserted, "what is inserted stays within its budget");
    else
        problems.insert(problems.end(), replaced.error().begin(), replaced.error().end());
    for (const auto& problem : problems) fuzz::require_utf8(config::to_string(problem), "a problem");
    return 0;
}
