// A `.env` file, and its variables put in the place of "${NAME}". The first line is the text with the names, then comes
// the file. What replaces never exceeds its budget.
#include "config/environment.hpp"
#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {

void environment(Input input) {
    constexpr std::size_t most_inserted = 4096;
    const auto text = input.line();
    std::vector<config::Problem> problems;
    const auto environment = config::parse_dotenv(input.rest(), problems);
    for (const auto& [name, value] : environment.variables) {
        require(!name.empty(), "a variable has a name");
        require(environment.find(name) != nullptr, "a variable is found");
    }
    std::size_t budget = most_inserted;
    const auto replaced = config::replace_variables(text, environment, budget);
    require(budget <= most_inserted, "a budget only shrinks");
    if (replaced)
        require(replaced->text.size() <= text.size() + most_inserted, "what is inserted stays within its budget");
    else
        problems.insert(problems.end(), replaced.error().begin(), replaced.error().end());
    for (const auto& problem : problems) require_utf8(config::to_string(problem), "a problem");
}

}  // namespace sarai::fuzz
