// A Modelfile: read or refused with the line that is wrong, and the same when it is printed and read again.
#include "library/modelfile.hpp"

#include <boost/json/serialize.hpp>

#include "base/utf8.hpp"
#include "parsers.hpp"
#include "support/check.hpp"

namespace sarai::fuzz {
namespace {

// The format has no way to write a text with a line that ends in three quotes, nor one with a line that ends in a CR,
// nor a name that is quoted itself.
bool can_be_written(std::string_view text) { return !text.contains("\"\"\"") && !text.contains('\r'); }

bool can_be_written(const library::Modelfile& modelfile) {
    const auto& recipe = modelfile.recipe;
    bool can = can_be_written(recipe.chat_template) && can_be_written(recipe.system);
    for (const auto& from : modelfile.from)
        can = can && from.find_first_of(" \t\n\r\"") == std::string::npos && can_be_written(from);
    for (const auto& license : recipe.licenses) can = can && can_be_written(license);
    for (const auto& message : recipe.messages) can = can && can_be_written(message.content);
    return can && can_be_written(boost::json::serialize(recipe.parameters)) &&
           !boost::json::serialize(recipe.parameters).contains("\\r");
}

}  // namespace

void modelfile(Input input) {
    const auto text = input.rest();
    if (valid_utf8(text) != text) return;  // it comes in JSON
    const auto modelfile = library::parse_modelfile(text);
    if (!modelfile) {
        require_plain(modelfile.error(), "the refusal of a Modelfile");
        return;
    }
    require(!modelfile->from.empty(), "a model is made from something");
    require_utf8(library::print_parameters(modelfile->recipe.parameters), "a list of parameters");
    const auto printed = library::print_modelfile(*modelfile);
    require_utf8(printed, "a Modelfile");
    if (!can_be_written(*modelfile)) return;
    const auto again = library::parse_modelfile(printed);
    require(again.has_value(), "a Modelfile that was printed can be read");
    require(again->from == modelfile->from && again->recipe.system == modelfile->recipe.system &&
                again->recipe.messages == modelfile->recipe.messages &&
                again->recipe.licenses == modelfile->recipe.licenses &&
                again->recipe.chat_template == modelfile->recipe.chat_template &&
                same(again->recipe.parameters, modelfile->recipe.parameters),
            "a Modelfile that was printed is the same");
}

}  // namespace sarai::fuzz
