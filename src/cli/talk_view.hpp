// What the commands of a conversation show. Pure.
#pragma once

#include <boost/json/object.hpp>
#include <optional>
#include <string>

#include "cli/chat.hpp"

namespace sarai::cli {

// For /why: who gave the answer, why, and how fast.
[[nodiscard]] std::string answer_facts_text(const std::optional<AnswerFacts>& facts);

// For /plan: the reply of GET /sarai/plan, a line a model, and whether they fit together.
[[nodiscard]] std::string short_plan(const boost::json::object& plan);

}  // namespace sarai::cli
