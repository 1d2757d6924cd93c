#include "gateway/brought.hpp"

#include <algorithm>
#include <array>

#include "protocols/json.hpp"

namespace sarai::gateway {
namespace {

namespace json = boost::json;
using protocols::array_at;
using protocols::find;
using protocols::string_at;

// Those that a request has under other names.
void set_limit(json::object& body, const json::value& value) {
    constexpr std::array names{"max_tokens", "max_completion_tokens"};
    if (std::ranges::any_of(names, [&](const char* name) { return find(body, name) != nullptr; })) return;
    if (const auto limit = protocols::integer_of(value); limit && *limit > 0) body["max_tokens"] = *limit;
}

}  // namespace

void apply_recipe(llm::Request& request, const protocols::ollama::Recipe& recipe) {
    if (!llm::generates(request.task)) return;
    auto& body = request.body;
    const bool in_chat = request.task == llm::Task::chat;
    if (recipe.parameters.empty() && (!in_chat || (recipe.system.empty() && recipe.messages.empty()))) return;
    request.text = {};  // no longer what the client wrote
    for (const auto& [name, value] : recipe.parameters) {
        if (name == "num_predict")
            set_limit(body, value);
        else if (name != "num_ctx" && find(body, name) == nullptr)  // num_ctx is the worker's
            body[name] = value;
    }
    if (!in_chat) return;
    const auto* given = array_at(body, "messages");
    if (given == nullptr) return;
    const auto is_system = [](const json::value& message) {
        const auto* object = message.if_object();
        const auto role = object == nullptr ? std::string_view{} : string_at(*object, "role");
        return role == "system" || role == "developer";
    };
    const bool has_system = std::ranges::any_of(*given, is_system);
    json::array messages;
    auto rest = given->begin();
    while (rest != given->end() && is_system(*rest)) messages.push_back(*rest++);
    if (!has_system && !recipe.system.empty())
        messages.push_back(json::object{{"role", "system"}, {"content", recipe.system}});
    for (const auto& message : recipe.messages)
        messages.push_back(json::object{{"role", message.role}, {"content", message.content}});
    messages.insert(messages.end(), rest, given->end());
    body["messages"] = std::move(messages);
}

}  // namespace sarai::gateway
