#include "pipelines/step_request.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <chrono>

#include "base/prompt_template.hpp"
#include "llm/text_size.hpp"
#include "llm/transcript.hpp"
#include "protocols/json.hpp"

namespace sarai::pipelines {
namespace {

namespace json = boost::json;

// An empty text would count as true in a condition.
json::value text_or_null(const std::string& text) { return text.empty() ? json::value() : json::value(text); }

json::object values_of(const config::Pipeline& pipeline, const Inputs& inputs, const Results& results,
                       const Ending& ending = {}) {
    json::object steps, parameters;
    for (const auto& step : pipeline.steps) {
        const auto found = results.find(step.name);
        steps[step.name] = found == results.end() ? json::value() : json::value(found->second);
    }
    for (const auto& [name, value] : inputs.parameters) parameters[name] = value;
    return {{"input", inputs.text},
            {"language", inputs.language},
            {"images", inputs.count(Medium::image)},
            {"audios", inputs.count(Medium::audio)},
            {"videos", inputs.count(Medium::video)},
            {"today", fmt::format("{:%F}", std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()))},
            {"name", pipeline.name},
            {"parameters", std::move(parameters)},
            {"sources", text_or_null(ending.sources)},
            {"notes", text_or_null(ending.notes)},
            {"steps", std::move(steps)}};
}

// The configuration was checked when it was loaded; what is left depends on values.
Result<std::string> filled_in(const config::PipelineStep& step, std::string_view key, const std::string& text,
                              const json::object& values) {
    const auto parsed = key == "when" ? PromptTemplate::parse_condition(text) : PromptTemplate::parse(text);
    auto made = parsed ? parsed->render(values) : Result<std::string>(std::unexpected(parsed.error()));
    if (!made) made.error().message = fmt::format("'{}' of step '{}': {}", key, step.name, made.error().message);
    return made;
}

// What was shown earlier, a model that is shown nothing would stumble over.
json::value text_alone(const json::value& message) {
    auto copy = message;
    auto* object = copy.if_object();
    auto* content = object == nullptr ? nullptr : object->if_contains("content");
    if (content == nullptr || !content->is_array()) return copy;
    std::string text;
    for (const auto& part : content->get_array())
        if (part.is_object())
            if (const auto said = protocols::string_at(part.get_object(), "text"); !said.empty())
                text.append(text.empty() ? "" : "\n").append(said);
    *content = text;
    return copy;
}

Result<json::array> messages_for(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                 const Inputs& inputs, const Results& results, const Ending& ending = {}) {
    const auto values = values_of(pipeline, inputs, results, ending);
    auto system = filled_in(step, "system", step.system, values);
    if (!system) return std::unexpected(system.error());
    auto prompt =
        step.prompt.empty() ? Result<std::string>(inputs.text) : filled_in(step, "prompt", step.prompt, values);
    if (!prompt) return std::unexpected(prompt.error());
    if (step.history && !inputs.system.empty()) *system += (system->empty() ? "" : "\n\n") + inputs.system;

    json::array messages;
    if (!system->empty()) messages.push_back({{"role", "system"}, {"content", *system}});
    if (step.history)
        for (const auto& message : inputs.history)
            messages.push_back(step.attachments == "none" ? text_alone(message) : message);
    json::array parts;
    for (const auto& attachment : inputs.attachments)
        if (goes_with(step, attachment.medium))
            parts.insert(parts.end(), attachment.parts.begin(), attachment.parts.end());
    if (parts.empty()) {
        messages.push_back({{"role", "user"}, {"content", *prompt}});
    } else {
        if (!prompt->empty()) parts.push_back({{"type", "text"}, {"text", *prompt}});
        messages.push_back({{"role", "user"}, {"content", std::move(parts)}});
    }
    return messages;
}

bool has_media(const json::value& message) {
    const auto* object = message.if_object();
    const auto* content = object == nullptr ? nullptr : protocols::array_at(*object, "content");
    return content != nullptr && std::ranges::any_of(*content, llm::is_media);
}

llm::Request with_body(json::object body, const std::string& model) {
    llm::Request request{.model = model, .stream = true, .body = std::move(body)};
    request.body["model"] = model;
    request.size = llm::text_size(request);  // of pictures and sound the Normalizer knows what is too much
    return request;
}

}  // namespace

Result<bool> is_wanted(const config::Pipeline& pipeline, const config::PipelineStep& step, const Inputs& inputs,
                       const Results& results) {
    if (step.when.empty()) return true;
    return filled_in(step, "when", step.when, values_of(pipeline, inputs, results)).transform([](const auto& text) {
        return !text.empty();
    });
}

Result<std::string> collection_of(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                  const Inputs& inputs, const Results& results) {
    return filled_in(step, "knowledge", step.knowledge, values_of(pipeline, inputs, results));
}

Result<Search> search_for(const config::Pipeline& pipeline, const config::PipelineStep& step, const Inputs& inputs,
                          const Results& results) {
    const auto values = values_of(pipeline, inputs, results);
    Search search{.query = inputs.text, .collection = {}};
    if (!step.query.empty()) {
        auto query = filled_in(step, "query", step.query, values);
        if (!query) return std::unexpected(query.error());
        search.query = std::move(*query);
    }
    if (search.query.find_first_not_of(" \t\r\n") == std::string::npos)
        return fail_field("messages",
                          fmt::format("step '{}' has nothing to search for; expected a message with text", step.name));
    if (step.web) return search;
    auto collection = collection_of(pipeline, step, inputs, results);
    if (!collection) return std::unexpected(collection.error());
    search.collection = std::move(*collection);
    return search;
}

Result<Frame> frame_of(const config::Pipeline& pipeline, const Inputs& inputs, const Results& results,
                       const Ending& ending) {
    const auto values = values_of(pipeline, inputs, results, ending);
    Frame frame;
    for (const auto& [key, text, into] :
         {std::tuple{"preface", &pipeline.preface, &frame.preface}, {"closing", &pipeline.closing, &frame.closing}}) {
        if (text->empty()) continue;
        auto made = filled_in({.name = pipeline.name}, key, *text, values);
        if (!made) return std::unexpected(made.error());
        *into = std::move(*made);
    }
    return frame;
}

bool goes_with(const config::PipelineStep& step, Medium medium) {
    if (step.attachments == "any") return true;
    switch (medium) {
        case Medium::image: return step.attachments == "image";
        case Medium::audio: return step.attachments == "audio";
        case Medium::video: return step.attachments == "video";
    }
    return false;
}

bool takes_earlier_media(const config::PipelineStep& step) { return step.history && step.attachments != "none"; }

bool takes_attachments(const config::PipelineStep& step, const Inputs& inputs) {
    if (takes_earlier_media(step) && std::ranges::any_of(inputs.history, has_media)) return true;
    return std::ranges::any_of(inputs.attachments, [&](const auto& one) { return goes_with(step, one.medium); });
}

Result<llm::Request> request_for(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                 const std::string& model, const Inputs& inputs, const Results& results) {
    auto messages = messages_for(pipeline, step, inputs, results);
    if (!messages) return std::unexpected(messages.error());
    json::object body{{"messages", std::move(*messages)}, {"stream", true}};
    if (step.temperature) body["temperature"] = *step.temperature;
    if (step.max_tokens > 0) body["max_tokens"] = step.max_tokens;
    return with_body(std::move(body), model);
}

Result<llm::Request> final_request(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                   const std::string& model, const Inputs& inputs, const Results& results,
                                   const Ending& ending, const llm::Request& asked) {
    auto messages = messages_for(pipeline, step, inputs, results, ending);
    if (!messages) return std::unexpected(messages.error());
    messages->insert(messages->end(), inputs.prefill.begin(), inputs.prefill.end());
    auto body = asked.body;
    body.erase("pipeline");
    body["messages"] = std::move(*messages);
    if (step.temperature && !body.contains("temperature")) body["temperature"] = *step.temperature;
    if (step.max_tokens > 0 && !llm::token_limit(asked)) body["max_tokens"] = step.max_tokens;
    auto request = with_body(std::move(body), model);
    request.stream = asked.stream;
    request.keep_alive = asked.keep_alive;
    return request;
}

std::optional<KnownPart> known_part(const config::Pipeline& pipeline, const config::PipelineStep& step,
                                    const std::string& model, const Inputs& inputs, const Results& results,
                                    const Results& partial, const std::vector<std::string>& left_out,
                                    const llm::Request& asked) {
    // Its message is no text alone; and megabytes need not be copied to find that out, again and again.
    if (std::ranges::any_of(inputs.attachments, [&](const auto& one) { return goes_with(step, one.medium); }))
        return std::nullopt;
    // Stands for what is not known: no model writes it, and no template changes it.
    constexpr char unknown = '\x01';
    Results so_far = results;
    for (const auto& one : pipeline.steps) {
        if (results.contains(one.name) || std::ranges::contains(left_out, one.name) || one.name == step.name) continue;
        const auto begun = partial.find(one.name);
        so_far[one.name] = (begun == partial.end() ? std::string() : begun->second) + unknown;
    }
    const std::string nothing(1, unknown);
    auto made = final_request(pipeline, step, model, inputs, so_far, {.sources = nothing, .notes = nothing}, asked);
    if (!made || !inputs.prefill.empty()) return std::nullopt;
    auto& messages = made->body.at("messages").as_array();
    const auto text_of = [](json::value& message) {
        auto* content = message.as_object().if_contains("content");
        return content != nullptr && content->is_string() ? &content->get_string() : nullptr;
    };
    for (auto& message : messages)
        if (&message != &messages.back())
            if (const auto* text = text_of(message); text != nullptr && text->find(unknown) != json::string::npos)
                return std::nullopt;
    auto* text = text_of(messages.back());
    if (text == nullptr) return std::nullopt;
    text->resize(std::min(text->find(unknown), text->size()));
    while (!text->empty() && std::string_view(" \t\r\n").contains(text->back())) text->pop_back();
    if (text->empty()) return std::nullopt;
    constexpr std::size_t enough = 200;  // bytes that are found again in what the template makes of it
    const std::string_view all(*text);
    auto from = all.size() - std::min(enough, all.size());
    while (from > 0 && (static_cast<unsigned char>(all[from]) & 0xC0U) == 0x80) --from;
    std::string until(all.substr(from));
    return KnownPart{.request = std::move(*made), .until = std::move(until)};
}

}  // namespace sarai::pipelines
