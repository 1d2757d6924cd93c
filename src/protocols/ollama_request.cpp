#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <map>

#include "protocols/json.hpp"
#include "protocols/ollama.hpp"

namespace sarai::protocols::ollama {
namespace {

struct Renamed {
    std::string_view neutral;
    std::string_view option;
};

// Members that belong into Ollama's "options". The second block is Ollama's own; llama-server shares most of the names.
constexpr std::array option_names{
    Renamed{"temperature", "temperature"},
    Renamed{"top_p", "top_p"},
    Renamed{"top_k", "top_k"},
    Renamed{"min_p", "min_p"},
    Renamed{"seed", "seed"},
    Renamed{"frequency_penalty", "frequency_penalty"},
    Renamed{"presence_penalty", "presence_penalty"},
    Renamed{"max_tokens", "num_predict"},
    Renamed{"max_completion_tokens", "num_predict"},

    Renamed{"num_ctx", "num_ctx"},
    Renamed{"num_keep", "num_keep"},
    Renamed{"num_batch", "num_batch"},
    Renamed{"num_gpu", "num_gpu"},
    Renamed{"main_gpu", "main_gpu"},
    Renamed{"num_thread", "num_thread"},
    Renamed{"typical_p", "typical_p"},
    Renamed{"repeat_last_n", "repeat_last_n"},
    Renamed{"repeat_penalty", "repeat_penalty"},
};

// Handled elsewhere in this file, or without a counterpart there; everything else goes along as it is.
constexpr std::array<std::string_view, 27> not_copied{"model",
                                                      "messages",
                                                      "prompt",
                                                      "input",
                                                      "stream",
                                                      "stream_options",
                                                      "stop",
                                                      "options",
                                                      "tools",
                                                      "tool_choice",
                                                      "parallel_tool_calls",
                                                      "response_format",
                                                      "reasoning_effort",
                                                      "chat_template_kwargs",
                                                      "keep_alive",
                                                      "encoding_format",
                                                      "n",
                                                      "best_of",
                                                      "user",
                                                      "logit_bias",
                                                      "echo",
                                                      "store",
                                                      "metadata",
                                                      "service_tier",
                                                      "function_call",
                                                      "functions",
                                                      "id"};

std::unexpected<Error> cannot(std::string field, std::string message) {
    return std::unexpected(Error{.code = Code::unsupported, .message = std::move(message), .field = std::move(field)});
}

// Ollama takes seconds as a number and durations with a unit as a string; "10" would be refused.
json::value keep_alive_of(std::string_view text) {
    std::int64_t seconds = 0;
    const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seconds);
    if (ec == std::errc{} && end == text.data() + text.size()) return seconds;
    return json::value(text);
}

Result<json::object> options_of(const json::object& body, const Defaults& defaults) {
    json::object options;
    if (const auto* own = object_at(body, "options"))
        for (const auto& [key, value] : *own) options[key] = value;
    for (const auto& [neutral, option] : option_names)
        if (const auto* value = find(body, neutral); value != nullptr) options[option] = *value;
    // Clients that want different ones would make Ollama load the model anew each time.
    if (defaults.num_ctx) options["num_ctx"] = *defaults.num_ctx;
    if (const auto* stop = find(body, "stop"); stop != nullptr)
        options["stop"] = stop->is_string() ? json::value(json::array{*stop}) : *stop;
    return options;
}

// "data:image/png;base64,AAAA" → "AAAA"
Result<std::string_view> image_data(const json::object& part, const std::string& path) {
    std::string_view url;
    if (const auto* image = object_at(part, "image_url"))
        url = string_at(*image, "url");
    else
        url = string_at(part, "image_url");
    const auto comma = url.find(',');
    if (!url.starts_with("data:") || comma == std::string_view::npos || !url.substr(0, comma).ends_with(";base64"))
        return cannot(path, fmt::format("'{}' is \"{}\"; Ollama takes images only as data:…;base64 URLs", path,
                                        excerpt(url, 40)));
    return url.substr(comma + 1);
}

Result<void> set_content(json::object& out, const json::value* content, const std::string& path) {
    if (content == nullptr) {
        out["content"] = "";
        return {};
    }
    const auto* parts = content->if_array();
    if (parts == nullptr) {
        out["content"] = *content;
        return {};
    }
    std::string text;
    json::array images;
    for (std::size_t i = 0; i < parts->size(); ++i) {
        const auto* part = (*parts)[i].if_object();
        if (part == nullptr) continue;
        const auto type = string_at(*part, "type");
        if (type == "text") {
            if (!text.empty()) text += '\n';
            text += string_at(*part, "text");
        } else if (type == "image_url") {
            const auto data = image_data(*part, fmt::format("{}[{}].image_url", path, i));
            if (!data) return std::unexpected(data.error());
            images.emplace_back(*data);
        } else {
            return cannot(fmt::format("{}[{}]", path, i),
                          fmt::format("Ollama does not take content parts of type \"{}\"", excerpt(type, 40)));
        }
    }
    out["content"] = text;
    if (!images.empty()) out["images"] = std::move(images);
    return {};
}

using CallNames = std::map<std::string, std::string, std::less<>>;  // tool_call_id → function's name

// Arguments are a string of JSON in OpenAI's form and an object in Ollama's.
json::array tool_calls_of(const json::array& calls, CallNames& names) {
    json::array out;
    for (const auto& value : calls) {
        const auto* call = value.if_object();
        const auto* function = call == nullptr ? nullptr : object_at(*call, "function");
        if (function == nullptr) continue;
        json::object copy = *function;
        if (const auto* arguments = copy.if_contains("arguments"); arguments != nullptr && arguments->is_string()) {
            auto parsed = parse_json(arguments->get_string());
            copy["arguments"] = parsed && parsed->is_object() ? std::move(*parsed) : json::value(json::object{});
        }
        json::object entry;
        if (const auto id = string_at(*call, "id"); !id.empty()) {
            entry["id"] = id;
            names.insert_or_assign(std::string(id), std::string(string_at(*function, "name")));
        }
        entry["function"] = std::move(copy);
        out.emplace_back(std::move(entry));
    }
    return out;
}

Result<json::array> messages_of(const json::object& body) {
    json::array out;
    CallNames names;
    const auto* messages = array_at(body, "messages");
    for (std::size_t i = 0; messages != nullptr && i < messages->size(); ++i) {
        const auto* message = (*messages)[i].if_object();
        if (message == nullptr) continue;
        json::object copy;
        const auto role = string_at(*message, "role");
        copy["role"] = role == "developer" ? "system" : role;
        if (auto set = set_content(copy, find(*message, "content"), fmt::format("messages[{}].content", i)); !set)
            return std::unexpected(set.error());
        if (const auto* images = array_at(*message, "images")) copy["images"] = *images;
        if (const auto thinking = string_at(*message, "reasoning_content"); !thinking.empty())
            copy["thinking"] = thinking;
        if (const auto* calls = array_at(*message, "tool_calls"))
            if (auto known = tool_calls_of(*calls, names); !known.empty()) copy["tool_calls"] = std::move(known);
        if (const auto id = string_at(*message, "tool_call_id"); !id.empty()) {
            copy["tool_call_id"] = id;
            if (const auto name = names.find(id); name != names.end()) copy["tool_name"] = name->second;
        }
        out.emplace_back(std::move(copy));
    }
    return out;
}

// The one text of a raw completion.
Result<std::string_view> prompt_of(const json::object& body) {
    const auto* prompt = find(body, "prompt");
    if (prompt == nullptr) return std::string_view{};
    if (const auto* texts = prompt->if_array(); texts != nullptr && texts->size() == 1) prompt = texts->data();
    if (prompt->is_string()) return std::string_view(prompt->get_string());
    return cannot("prompt", "Ollama completes one text per request, no lists and no token ids");
}

Result<json::value> input_of(const json::object& body) {
    const auto* input = find(body, "input");
    if (input == nullptr) return json::value("");
    const auto* array = input->if_array();
    if (array != nullptr && !std::ranges::all_of(*array, [](const json::value& v) { return v.is_string(); }))
        return cannot("input", "Ollama embeds texts, not token ids");
    return *input;
}

void set_format(json::object& out, const json::object& body) {
    const auto* format = object_at(body, "response_format");
    if (format == nullptr) return;
    const auto type = string_at(*format, "type");
    if (type == "json_object") out["format"] = "json";
    if (type != "json_schema") return;
    const auto* nested = object_at(*format, "json_schema");
    if (const auto* schema = find(nested == nullptr ? *format : *nested, "schema"); schema != nullptr)
        out["format"] = *schema;
}

void set_thinking(json::object& out, const json::object& body) {
    if (out.contains("think")) return;  // said in Ollama's own way
    if (const auto* arguments = object_at(body, "chat_template_kwargs"))
        if (const auto* wanted = find(*arguments, "enable_thinking"); wanted != nullptr) out["think"] = *wanted;
    if (const auto effort = string_at(body, "reasoning_effort"); effort == "none")
        out["think"] = false;
    else if (!effort.empty())
        out["think"] = effort;
}

Result<void> set_task(json::object& out, const llm::Request& request) {
    switch (request.task) {
        case llm::Task::chat: {
            auto messages = messages_of(request.body);
            if (!messages) return std::unexpected(messages.error());
            out["messages"] = std::move(*messages);
            set_thinking(out, request.body);
            set_format(out, request.body);
            // "none" is the only choice that can be kept; Ollama leaves "required" to the model, as it does on its /v1.
            if (const auto* tools = array_at(request.body, "tools");
                tools != nullptr && !tools->empty() && string_at(request.body, "tool_choice") != "none")
                out["tools"] = *tools;
            return {};
        }
        case llm::Task::completion: {
            const auto prompt = prompt_of(request.body);
            if (!prompt) return std::unexpected(prompt.error());
            out["prompt"] = *prompt;
            // It fills in by its template alone.
            if (string_at(request.body, "suffix").empty()) out["raw"] = true;
            set_format(out, request.body);
            return {};
        }
        case llm::Task::embedding: {
            auto input = input_of(request.body);
            if (!input) return std::unexpected(input.error());
            out["input"] = std::move(*input);
            return {};
        }
        case llm::Task::rerank: return cannot("model", "Ollama does not rank documents");
        case llm::Task::transcription: return cannot("model", "Ollama does not write down recordings");
        case llm::Task::tokenize:
        case llm::Task::detokenize:
        case llm::Task::count: return cannot("model", "Ollama does not tell the tokens of a text");
    }
    return {};
}

bool is_option(std::string_view key) {
    return std::ranges::any_of(option_names, [&](const Renamed& name) { return name.neutral == key; });
}

}  // namespace

std::optional<int> context_wanted(const json::object& body) {
    constexpr std::int64_t most = 1 << 24;
    auto wanted = integer_at(body, "num_ctx");
    if (!wanted)
        if (const auto* options = object_at(body, "options")) wanted = integer_at(*options, "num_ctx");
    if (!wanted || *wanted <= 0) return std::nullopt;
    return static_cast<int>(std::min(*wanted, most));
}

std::string_view path_of(llm::Task task) {
    switch (task) {
        case llm::Task::completion: return "/api/generate";
        case llm::Task::embedding: return "/api/embed";
        default: return "/api/chat";  // encode_request() has refused it
    }
    return "/api/chat";
}

Result<std::string> encode_request(const llm::Request& request, bool stream, const Defaults& defaults) {
    for (const auto* key : {"n", "best_of"})
        if (const auto count = integer_at(request.body, key); count && *count > 1)
            return cannot(key, fmt::format("'{}' is {}; Ollama gives one answer per request", key, *count));

    json::object out;
    out["model"] = defaults.model;
    for (const auto& [key, value] : request.body) {
        const std::string_view name = key;
        if (!is_option(name) && std::ranges::find(not_copied, name) == not_copied.end()) out[key] = value;
    }
    if (auto set = set_task(out, request); !set) return std::unexpected(set.error());
    if (llm::generates(request.task)) out["stream"] = stream;
    if (const auto* own = find(request.body, "keep_alive"); own != nullptr)
        out["keep_alive"] = *own;
    else if (defaults.keep_alive)
        out["keep_alive"] = keep_alive_of(*defaults.keep_alive);
    auto options = options_of(request.body, defaults);
    if (!options) return std::unexpected(options.error());
    if (!options->empty()) out["options"] = std::move(*options);
    return json::serialize(out);
}

}  // namespace sarai::protocols::ollama
