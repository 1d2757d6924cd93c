// A text with places that values fill: "Describe {{ input }}{% if images > 1 %} one by one{% endif %}".
//
// The language is inja's (github.com/pantor/inja), a subset of Jinja2: {{ name }}, {% if %}, {% for %}, {% set %}, {#
// #}, functions such as upper(), length(), default(). Files cannot be read from it. Values are never read as templates.
#pragma once

#include <boost/json/object.hpp>
#include <memory>
#include <set>
#include <string>
#include <string_view>

#include "base/error.hpp"

namespace sarai {

class PromptTemplate {
public:
    // Errors: invalid_argument, with the line and what is wrong there.
    [[nodiscard]] static Result<PromptTemplate> parse(std::string_view text);
    // Of a condition ("images > 0 and language == \"es\""), which then renders to "true" or "".
    [[nodiscard]] static Result<PromptTemplate> parse_condition(std::string_view expression);

    // The values that it reads, in dotted form: "input", "steps.look". What a loop or {% set %} names is its own.
    [[nodiscard]] const std::set<std::string>& names() const;

    // Errors: invalid_argument, for a value that is missing or of another type.
    [[nodiscard]] Result<std::string> render(const boost::json::object& values) const;

private:
    struct State;
    explicit PromptTemplate(std::shared_ptr<const State> state) : state_(std::move(state)) {}
    std::shared_ptr<const State> state_;
};

}  // namespace sarai
